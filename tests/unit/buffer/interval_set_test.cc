#include "buffer/interval_set.h"

#include <random>
#include <set>
#include <string>

#include "tests/support/catch.h"

using punchline::ByteRange;
using punchline::IntervalSet;

namespace {

std::string text(const IntervalSet& set) {
  std::string all;
  for (const auto& [begin, end] : set) {
    all += "[" + to_string(begin) + "," + to_string(end) + ")";
  }
  return all;
}

}  // namespace

TEST_CASE("neighbours join, strangers stay apart") {
  IntervalSet set;
  CHECK(set.insert({50, 100}) == 50);
  CHECK(set.insert({300, 400}) == 100);
  CHECK(text(set) == "[50,100)[300,400)");
  CHECK(set.insert({100, 150}) == 50);
  CHECK(set.insert({200, 500}) == 200);
  CHECK(text(set) == "[50,150)[200,500)");
  CHECK(set.insert({60, 70}) == 0);
  CHECK(set.insert({150, 200}) == 50);
  CHECK(text(set) == "[50,500)");
  CHECK(set.bytes() == 450);
  CHECK(set.insert({7, 7}) == 0);
}

TEST_CASE("taking out splits") {
  IntervalSet set;
  set.insert({0, 100});
  set.erase({20, 30});
  CHECK(text(set) == "[0,20)[30,100)");
  set.erase_below(40);
  CHECK(text(set) == "[40,100)");
  CHECK(set.bytes() == 60);
  set.insert({100, 110});  // right behind what is there, although the set was changed in between
  CHECK(text(set) == "[40,110)");
}

TEST_CASE("asking") {
  IntervalSet set;
  set.insert({10, 20});
  set.insert({30, 40});
  CHECK_FALSE(set.find(9));
  CHECK(set.find(10) == ByteRange{10, 20});
  CHECK_FALSE(set.find(20));
  CHECK(set.next(0) == ByteRange{10, 20});
  CHECK(set.next(19) == ByteRange{10, 20});
  CHECK(set.next(20) == ByteRange{30, 40});
  CHECK_FALSE(set.next(40));
  CHECK(set.contains({12, 20}));
  CHECK_FALSE(set.contains({12, 21}));
  CHECK_FALSE(set.contains({15, 35}));
  CHECK(set.first() == ByteRange{10, 20});
}

TEST_CASE("random actions agree with a set of single bytes") {
  std::mt19937 random(20240607);
  IntervalSet set;
  std::set<std::uint64_t> naive;
  for (int action = 0; action < 100'000; ++action) {
    const std::uint64_t begin = random() % 200;
    const std::uint64_t end = begin + random() % 12;
    if (random() % 3 != 0) {
      const auto before = naive.size();
      for (auto at = begin; at < end; ++at)
        naive.insert(at);
      REQUIRE(set.insert(punchline::positions(begin, end)) == naive.size() - before);
    } else {
      for (auto at = begin; at < end; ++at)
        naive.erase(at);
      set.erase(punchline::positions(begin, end));
    }
    REQUIRE(set.bytes() == naive.size());
    auto last_end = punchline::kPositionMax;
    for (const auto& [from, to] : set) {
      REQUIRE(from < to);
      REQUIRE((last_end == punchline::kPositionMax || last_end < from));
      REQUIRE((naive.count(from.value()) == 1 && naive.count(to.value()) == 0 &&
               naive.count(to.value() - 1) == 1));
      last_end = to;
    }
  }
}
