// What bytes_max does in the whole program.

#include <optional>

#include <signal.h>

#include "tests/support/log_corpus.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

// A buffer that may hold 1 MiB, its topic without a leader, so that nothing goes, an agent on it,
// and more lines than fit.
struct Full : Place {
  explicit Full(const std::string& when_full) {
    broker->set_leader("t", 0, -1);
    setup.before = {"env", "PUNCHLINE_BYTES_MAX=1MiB", "PUNCHLINE_WHEN_FULL=" + when_full};
    agent.emplace(setup);
    REQUIRE(agent->logs("fresh"));
  }
  /// `punchline append` of so many lines, running.
  Process append_lines(std::uint64_t lines) const {
    write_lines(LogCorpus::committed(), 0, lines, folder.file("input"));
    auto command = punchline({"append", buffer});
    command.stdin_path = folder.file("input");
    return Process(command);
  }
  std::optional<Agent> agent;
};

bool waits(const Process& append) {
  return eventually(seconds(20),
                    [&] { return append.err().find("waiting for room") != std::string::npos; });
}

}  // namespace

TEST_CASE("block: append waits until there is room, and nothing is lost") {
  Full place("block");
  auto append = place.append_lines(30'000);
  REQUIRE(waits(append));
  CHECK(inspect(place.buffer).data_bytes < (1 << 20) + 200'000);
  CHECK(append.running());
  CHECK_THAT(append.err(), Contains("append: " + place.buffer + " holds 1") &&
                               Contains(" bytes, its bytes_max is 1048576: waiting") &&
                               !Contains("no agent"));
  place.broker->set_leader("t", 0, 1);
  CHECK(append.finish(seconds(60)).code == 0);
  REQUIRE(place.agent->drains());
  CHECK(place.agent->stop().code == 0);
  CHECK(place.delivered() == read_file(place.folder.file("input")));
}

TEST_CASE("block: who waits for an agent that is not there is told so") {
  Full place("block");
  {
    auto filling = place.append_lines(30'000);
    REQUIRE(waits(filling));
  }
  CHECK(place.agent->stop().code == 0);
  auto append = place.append_lines(1);
  REQUIRE(waits(append));
  CHECK_THAT(append.err(), Contains("waiting for room; no agent is at work on it"));
}

TEST_CASE("block: who waits hears that the limit was raised") {
  Full place("block");
  auto append = place.append_lines(30'000);
  REQUIRE(waits(append));
  CHECK(place.agent->stop().code == 0);
  place.setup.before = {"env", "PUNCHLINE_BYTES_MAX=100MiB", "PUNCHLINE_WHEN_FULL=block"};
  place.agent.emplace(place.setup);
  CHECK(append.finish(seconds(60)).code == 0);
  CHECK(inspect(place.buffer).waiting_records == 30'000);
}

TEST_CASE("block: with less than a block of the filesystem no writer waits for what is delivered") {
  Place place;
  place.setup.before = {"env", "PUNCHLINE_BYTES_MAX=1", "PUNCHLINE_WHEN_FULL=block"};
  place.append("");
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  for (int i = 0; i < 20; ++i) {
    write_file(place.folder.file("input"), std::string(300, 'x') + "\n");
    auto command = punchline({"append", place.buffer});
    command.stdin_path = place.folder.file("input");
    REQUIRE(run(command, seconds(20)).exit.code == 0);
    REQUIRE(agent.drains());
  }
  CHECK(agent.stop().code == 0);
}

TEST_CASE("block: who waits can be interrupted") {
  Full place("block");
  auto append = place.append_lines(30'000);
  REQUIRE(waits(append));
  append.signal(SIGINT);
  CHECK(append.finish(seconds(10)).code == 75);
  CHECK_THAT(append.err(), Contains("records appended"));
}

TEST_CASE("drop_oldest: the file stays small, what is dropped is counted and said") {
  Full place("drop_oldest");
  auto append = place.append_lines(60'000);
  CHECK(append.finish(seconds(60)).code == 0);
  REQUIRE(place.agent->logs("records dropped between positions"));
  CHECK(eventually(seconds(20), [&] { return inspect(place.buffer).data_bytes < 1'300'000; }));
  place.broker->set_leader("t", 0, 1);
  REQUIRE(place.agent->drains());
  const auto dropped = place.agent->metric("punchline_dropped_records_total");
  CHECK(dropped > 0);
  CHECK(place.agent->metric("punchline_records_confirmed_total") + dropped == 60'000);
  CHECK(place.agent->metric("punchline_lost_records_total", "dropped") == dropped);
  CHECK(place.agent->stop().code == 0);
  const auto seen = run(punchline({"verify", place.buffer}));
  CHECK(seen.exit.code == 0);  // as the operator wants it
  CHECK_THAT(seen.out, Contains("note       lost: dropped: " +
                                std::to_string(static_cast<int>(dropped)) + " known records"));
}

}  // namespace punchline::testing
