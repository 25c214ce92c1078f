#include <filesystem>
#include <fstream>

#include <sys/xattr.h>

#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;

Finished verify(const Place& place, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"verify", place.buffer});
  return run(punchline(more));
}

}  // namespace

TEST_CASE("a sound buffer: 0, with an account of its bytes") {
  Place place;
  place.append("one\ntwo\n");
  REQUIRE(place.once().exit.code == 0);
  place.append("three\n\nunfini");
  const auto seen = verify(place);
  INFO(seen.out);
  CHECK(seen.exit.code == 0);
  CHECK_THAT(seen.out, Contains("8 below the front") && Contains("6 waiting") &&
                           Contains("1 nothing") && Contains("6 unfinished") && Contains("sound"));
  const auto json = verify(place, {"--json"});
  CHECK(json.exit.code == 0);
  CHECK_THAT(json.out, Contains("\"sound\": true") && Contains("\"waiting_records\": 1"));
  CHECK(read_file(place.buffer) == std::string("one\ntwo\nthree\n\nunfini"));  // nothing changed
}

TEST_CASE("bytes that cannot be proved: 1, in the buffer and in the quarantine") {
  Place place;
  REQUIRE(place.append_lines("one\ntwo\n", {"--format", "frames"}).exit.code == 0);
  place.append("junk");
  REQUIRE(place.append_lines("one\ntwo\n", {"--format", "frames"}).exit.code == 0);
  const auto seen = verify(place);
  INFO(seen.out);
  CHECK(seen.exit.code == 1);
  CHECK_THAT(seen.out, Contains("1 stretch cannot be delivered: damaged"));

  CHECK(place.once().exit.code == 65);
  const auto moved = verify(place);
  INFO(moved.out);
  CHECK(moved.exit.code == 0);
  CHECK_THAT(moved.out, Contains("1 entry in the quarantine"));
  std::ofstream(place.quarantine, std::ios::binary | std::ios::app) << "junk";
  CHECK(verify(place).exit.code == 1);
}

TEST_CASE("a state that does not check or fit, and a newer one") {
  Place place;
  place.append("one\ntwo\n");
  REQUIRE(place.once().exit.code == 0);
  SECTION("damaged") {
    std::string state(60, '\0');
    REQUIRE(::getxattr(place.buffer.c_str(), "user.punchline", state.data(), 60) == 60);
    state[33] ^= 1;
    REQUIRE(::setxattr(place.buffer.c_str(), "user.punchline", state.data(), 60, 0) == 0);
    CHECK(verify(place).exit.code == 1);
  }
  SECTION("fences") {
    REQUIRE(::setxattr(place.buffer.c_str(), "user.punchline.fences", "nonsense", 8, 0) == 0);
    CHECK_THAT(verify(place).out, Contains("fences does not check"));
  }
  SECTION("truncated") {
    std::filesystem::resize_file(place.buffer, 2);
    const auto seen = verify(place);
    CHECK(seen.exit.code == 1);
    CHECK_THAT(seen.out, Contains("truncated"));
  }
  SECTION("a copy") {
    std::filesystem::rename(place.buffer, place.buffer + ".original");
    CHECK(run({.argv = {"cp", "-a", place.buffer + ".original", place.buffer}}).exit.code == 0);
    CHECK_THAT(verify(place).out, Contains("copy"));
  }
  SECTION("missing") {
    std::filesystem::remove(place.buffer);
    CHECK(verify(place).exit.code == 73);
  }
}

}  // namespace punchline::testing
