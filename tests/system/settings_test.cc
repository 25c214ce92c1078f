// Settings that decide the partition of a record are others at the next start, while one partition
// lags: what waits keeps the partition it was first given.

#include <set>
#include <sstream>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr int kLines = 2000;

/// Topic "two" of two partitions, of which the first has no leader.
struct Lagging : Place {
  Lagging() {
    REQUIRE(broker->create_topic("two", 2).ok());
    broker->set_leader("two", 0, -1);
    setup.topic = "two";
    std::string text;
    for (int i = 0; i < kLines; ++i) {
      text += std::to_string(i % 7) + "\t" + std::to_string(i % 11) + "\t" + std::to_string(i) +
              std::string(60, '.') + "\n";
    }
    write_file(buffer, text);
  }

  void send_the_other(const std::string& settings) {
    auto with = setup;
    with.before = {"env", settings};
    Agent agent(with);
    REQUIRE(eventually(seconds(30), [&] {
      return agent.metric("punchline_records_confirmed_total") > 0 &&
             agent.metric("punchline_records_read_total") == kLines;
    }));
    CHECK(agent.metric("punchline_records_confirmed_total") < kLines);
    agent.kill9();
  }
  Finished send_the_rest(const std::string& settings) {
    broker->set_leader("two", 0, 1);
    auto with = setup;
    with.before = {"env", settings};
    return run_once(with);
  }
  /// First arrivals of each partition in the order of the buffer; how many in all.
  int arrived_in_order() const {
    int all = 0;
    for (const auto& partition : read_topic(broker->bootstrap(), "two", 2, folder.path())) {
      std::istringstream lines(read_file(partition));
      std::set<int> seen;
      int last = -1;
      for (std::string line; std::getline(lines, line);) {
        const int number = std::stoi(line.substr(line.rfind('\t') + 1));
        if (!seen.insert(number).second) continue;  // again, after the kill
        INFO(number << " behind " << last);
        REQUIRE(number > last);
        last = number;
        ++all;
      }
    }
    return all;
  }
};

TEST_CASE("one partition lags, and the stripe or the key is another at the next start") {
  struct Change {
    const char* before;
    const char* after;
  };
  const auto change = GENERATE(Change{"PUNCHLINE_STRIPE_BYTES=4KiB", "PUNCHLINE_STRIPE_BYTES=64KiB"},
                               Change{"PUNCHLINE_KEY_COLUMN=1", "PUNCHLINE_KEY_COLUMN=2"},
                               Change{"PUNCHLINE_KEY_COLUMN=2", "PUNCHLINE_KEY_COLUMN=0"},
                               Change{"PUNCHLINE_KEY_COLUMN=0", "PUNCHLINE_KEY_JSON=/a"});
  INFO(change.before << ", then " << change.after);
  Lagging place;
  place.send_the_other(change.before);
  const auto rest = place.send_the_rest(change.after);
  INFO(rest.err);
  CHECK(rest.exit.code == 0);
  CHECK(place.arrived_in_order() == kLines);
}

TEST_CASE("a constant key that is too long to be remembered is not changed while something waits") {
  Lagging place;
  const std::string before = "PUNCHLINE_KEY_CONSTANT=" + std::string(300, 'a');
  place.broker->set_leader("two", 1, -1);  // all of it waits
  {
    auto with = place.setup;
    with.before = {"env", before};
    Agent agent(with);
    REQUIRE(eventually(seconds(30), [&] { return agent.metric("punchline_partitions") == 2; }));
    agent.kill9();
  }
  place.broker->set_leader("two", 1, 1);
  const auto other = place.send_the_rest("PUNCHLINE_KEY_CONSTANT=b");
  CHECK(other.exit.code == 78);
  CHECK(other.err.find("too long to be remembered") != std::string::npos);
  CHECK(place.send_the_rest(before).exit.code == 0);
  CHECK(place.send_the_rest("PUNCHLINE_KEY_CONSTANT=b").exit.code == 0);
}

}  // namespace
}  // namespace punchline::testing
