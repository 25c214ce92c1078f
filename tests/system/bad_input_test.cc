#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using namespace std::string_literals;
using Catch::Matchers::Contains;
using std::chrono::seconds;

TEST_CASE("an empty file, and a file that is not there") {
  Place place;
  SECTION("empty") {
    write_file(place.buffer, "");
  }
  SECTION("missing: it is created") {}
  CHECK(place.once().exit.code == 0);
  CHECK(std::filesystem::is_regular_file(place.buffer));
  CHECK(place.delivered().empty());
}

TEST_CASE("a last line without newline stays, with a warning, and goes once it is whole") {
  Place place;
  write_file(place.buffer, "one\ntw");
  const auto first = place.once();
  CHECK(first.exit.code == 0);
  CHECK_THAT(first.err, Contains("newline"));
  CHECK(place.delivered() == "one\n");
  place.append("o\n");
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "one\ntwo\n");
}

TEST_CASE("binary lines, empty lines, CR: bytes are bytes") {
  Place place;
  const auto binary = "\x01\xff\xfe\x80 \r\n\xc3(\t\r\n"s;
  const auto with_nul = "a\0b\n\0\0\0tail\n"s;
  place.append(binary + "\n\n" + with_nul + "\r\n");
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == binary + with_nul + "\r\n");
}

TEST_CASE("a file full of zeros holds no record") {
  Place place;
  {
    const std::string zeros(1 << 20, '\0');
    std::ofstream out(place.buffer, std::ios::binary);
    for (int i = 0; i < 64; ++i)
      out << zeros;
  }
  const auto result = place.once();
  INFO(result.err);
  CHECK(result.exit.code == 0);
  CHECK(place.delivered().empty());
  place.append("\nbehind\n");
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == "behind\n");
}

TEST_CASE("a hole of 5 GiB costs no time and loses nothing around it") {
  Place place;
  write_file(place.buffer, "before\n");
  std::filesystem::resize_file(place.buffer, (5ULL << 30) + 7);
  // What follows such a gap may be the second half of a line, so this one is set aside whole.
  place.append("may be half a line\nbehind\n");
  const auto result = place.once();
  INFO(result.err);
  CHECK(result.exit.code == 65);
  CHECK(place.delivered() == "before\nbehind\n");
  CHECK(result.exit.cpu.count() < 5);
  CHECK(occurrences(result.err, ">>") >= 1);  // the remedy
  CHECK(inspect(place.buffer).set_aside == 0);
  CHECK(inspect(place.quarantine).waiting_records == 1);
  CHECK_THAT(read_file(place.quarantine), Contains("may be half a line"));
}

TEST_CASE("a hole of 5 TiB behind zeros costs no time either") {
  Place place;
  write_file(place.buffer, std::string(64 * 1024, '\0'));
  std::filesystem::resize_file(place.buffer, 5ULL << 40);
  place.append("\nbehind\n");
  const auto result = place.once();
  INFO(result.err);
  CHECK(result.exit.code == 0);
  CHECK(place.delivered() == "behind\n");
  CHECK(result.exit.cpu.count() < 5);
}

TEST_CASE("a buffer that is not there yet is created, and what comes later is forwarded") {
  Place place;
  Agent agent(place.setup);
  CHECK(!agent.page("/metrics").empty());
  place.append("one\n");
  REQUIRE(eventually(seconds(20), [&] { return place.delivered() == "one\n"; }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("a missing topic: it goes on trying, with one warning, until the topic is there") {
  Place place;
  place.setup.topic = "later";
  place.broker->set_topic_error("later", 3);  // UNKNOWN_TOPIC_OR_PART
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.logs("later"));
  // Two and a half seconds of trying must not say it again.
  CHECK(!agent.process().wait(std::chrono::milliseconds(2500)));
  INFO(agent.log());
  CHECK(occurrences(agent.log(), " warning: ") <= 1);
  CHECK(agent.metric("punchline_records_confirmed_total") == 0);
  place.broker->set_topic_error("later", 0);
  CHECK(eventually(seconds(90),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 1; }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("a broker name that does not resolve: one warning, and check says it plainly") {
  Place place;
  place.setup.brokers = "no-such-host.invalid:9092";
  place.append("one\n");
  Agent agent(place.setup);
  REQUIRE(agent.logs("no-such-host.invalid"));
  CHECK(!agent.process().wait(std::chrono::milliseconds(2500)));
  INFO(agent.log());
  CHECK(occurrences(agent.log(), " warning: ") <= 1);
  CHECK(agent.stop().code == 0);
  CHECK(read_file(place.buffer) == "one\n");

  const auto check = run(
      punchline({"check", "-b", place.buffer, "--topic", "t", "--brokers", place.setup.brokers}));
  CHECK(check.exit.code == 69);
  CHECK_THAT(check.out + check.err, Contains("no-such-host.invalid"));
}

}  // namespace
}  // namespace punchline::testing
