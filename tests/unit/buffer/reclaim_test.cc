#include "buffer/reclaim.h"

#include <string>

#include "tests/support/catch.h"

using namespace punchline;

namespace {

std::string text(const std::vector<Reclaim::Punch>& punches) {
  std::string all;
  for (const auto& punch : punches) {
    all += (punch.in_band ? "in-band[" : "blocks[") + to_string(punch.range.begin) + "," +
           to_string(punch.range.end) + ")";
  }
  return all;
}

}  // namespace

TEST_CASE("below the front whole blocks alone are freed", "[F1]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  reclaim.add({0, 10'000});
  const Reclaim::View view{10'000, 10'000, &done};
  const auto punches = reclaim.plan(view, {}, 10);
  REQUIRE(text(punches) == "blocks[0,8192)");
  CHECK(reclaim.freed(punches[0]) == 8192);
  CHECK(reclaim.unfreed_bytes() == 10'000 - 8192);
  CHECK(reclaim.plan(view, {}, 10).empty());
}

TEST_CASE("in lines the newline before the front stays, so that NULs never run into what waits",
          "[F1]") {
  IntervalSet done;
  Reclaim lines(4096, 0, Format::lines);
  lines.add({0, 8192});
  CHECK(text(lines.plan({8192, 8192, &done}, {}, 10)) == "blocks[0,4096)");
  CHECK(text(lines.plan({8193, 8193, &done}, {}, 10)) == "blocks[0,8192)");
  Reclaim frames(4096, 0, Format::frames);
  frames.add({0, 8192});
  CHECK(text(frames.plan({8192, 8192, &done}, {}, 10)) == "blocks[0,8192)");
}

TEST_CASE("while a collapse is not noted nothing below its last segment is freed", "[C3]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  reclaim.add({0, 30'000});
  CHECK(text(reclaim.plan({10'000, 30'000, &done, 20'000}, {}, 10)) == "in-band[20000,29999)");
  CHECK(text(reclaim.plan({10'000, 30'000, &done, 40'000}, {}, 10)).empty());
}

TEST_CASE("nothing is freed below a front that is not stored but by the in-band rule", "[F5][F2]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  reclaim.add({0, 10'000});
  CHECK(text(reclaim.plan({0, 10'000, &done}, {}, 10)) == "in-band[0,9999)");
  CHECK(text(reclaim.plan({5000, 10'000, &done}, {}, 10)) == "blocks[0,4096)in-band[5000,9999)");
}

TEST_CASE("above the front a range keeps its last newline until another one follows", "[F2]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  done.insert({1000, 3000});
  reclaim.add({1000, 3000});
  auto punches = reclaim.plan({500, 500, &done}, {}, 10);
  REQUIRE(text(punches) == "in-band[1000,2999)");
  reclaim.freed(punches[0]);
  CHECK(reclaim.unfreed_bytes() == 0);
  done.insert({3000, 3500});
  reclaim.add({3000, 3500});
  punches = reclaim.plan({500, 500, &done}, {}, 10);
  CHECK(text(punches) == "in-band[2999,3499)");
}

TEST_CASE("small ranges wait, lowest go first, a turn is bounded", "[F6]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  for (const auto range :
       {ByteRange{1000, 1100}, ByteRange{2000, 9000}, ByteRange{10'000, 90'000}}) {
    done.insert(range);
    reclaim.add(range);
  }
  const Reclaim::View view{500, 500, &done};
  CHECK(text(reclaim.plan(view, {1, 5000}, 10)) == "in-band[2000,8999)in-band[10000,89999)");
  CHECK(text(reclaim.plan(view, {1, 1}, 2)) == "in-band[1000,1099)in-band[2000,8999)");
}

TEST_CASE("what an earlier run left is freed although nobody calls it done") {
  IntervalSet done;
  const Reclaim reclaim(4096, 8192, Format::lines);
  CHECK(text(reclaim.plan({20'000, 20'000, &done}, {}, 10)) == "blocks[8192,16384)");
}

TEST_CASE("room is left alone, and what stands before and behind it is freed to the byte",
          "[F1][F2][R8]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  reclaim.add({0, 5000});
  reclaim.leave({5000, 20'000});
  reclaim.add({20'000, 40'000});
  const Reclaim::View view{40'000, 40'000, &done};
  const auto punches = reclaim.plan(view, {}, 10);
  REQUIRE(text(punches) == "blocks[0,4999)blocks[20000,36864)");
  for (const auto& punch : punches)
    reclaim.freed(punch);
  CHECK(reclaim.unfreed_bytes() == 40'000 - 36'864);
  CHECK(reclaim.plan(view, {}, 10).empty());
}

TEST_CASE("room up to the front is left alone too", "[F1]") {
  IntervalSet done;
  Reclaim reclaim(4096, 0, Format::lines);
  reclaim.add({0, 5000});
  reclaim.leave({5000, 20'000});
  CHECK(text(reclaim.plan({20'000, 20'000, &done}, {}, 10)) == "blocks[0,4999)");
  CHECK(text(reclaim.plan({5000, 20'000, &done}, {}, 10)) == "blocks[0,4096)");
}
