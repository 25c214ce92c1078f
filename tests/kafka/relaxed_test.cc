#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <string>

#include "sinks/kafka_reader.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Lines by name, and what has arrived of them.
class Tally {
 public:
  Tally(std::string buffer, const KafkaCluster& kafka) : buffer_(std::move(buffer)) {
    auto reader = KafkaReader::open({{"bootstrap.servers", kafka.bootstrap()}}, "t", seconds(20));
    REQUIRE(reader.ok());
    reader_ = std::move(*reader);
  }

  void append(const std::string& name, int count) {
    std::ofstream out(buffer_, std::ios::app);
    for (int i = 0; i < count; ++i) {
      const auto line = name + " " + std::to_string(i) + " " + std::string(200, '.');
      out << line << "\n";
      times_[line] = 0;
    }
    appended_[name] += count;
  }

  /// Reads until all lines of this name are there.
  bool comes(const std::string& name, seconds limit = seconds(60)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (arrived_[name] < appended_[name]) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      read();
    }
    return true;
  }

  int arrived(const std::string& name) { return arrived_[name]; }

  std::uint64_t lost() const {
    std::uint64_t count = 0;
    for (const auto& [line, times] : times_)
      count += times == 0 ? 1 : 0;
    return count;
  }
  std::uint64_t twice() const { return twice_; }
  std::uint64_t invented() const { return invented_; }

 private:
  void read() {
    reader_->read(milliseconds(200), [this](const KafkaReader::Record& record) {
      const auto known = times_.find(std::string(record.payload));
      if (known == times_.end()) {
        ++invented_;
      } else if (known->second++ > 0) {
        ++twice_;
      } else {
        ++arrived_[known->first.substr(0, known->first.find(' '))];
      }
    });
  }

  std::string buffer_;
  std::unique_ptr<KafkaReader> reader_;
  std::map<std::string, int> times_;
  std::map<std::string, int> appended_;
  std::map<std::string, int> arrived_;
  std::uint64_t twice_ = 0;
  std::uint64_t invented_ = 0;
};

constexpr int kBacklog = 60'000;  // 13 MB: many minutes at the rate below
constexpr int kLive = 500;

TEST_CASE("relaxed: what is appended now goes before a backlog, through kill -9 and an outage") {
  KafkaCluster kafka;
  kafka.create_topic("t", 2);
  const TempDir folder("relaxed");
  const auto buffer = folder.file("buffer");
  Tally tally(buffer, kafka);
  tally.append("backlog", kBacklog);
  RunSetup setup{.buffer = buffer,
                 .brokers = kafka.bootstrap(),
                 .topic = "t",
                 .before = {"env", "PUNCHLINE_ORDER=relaxed", "PUNCHLINE_DRAIN_RATE=20000"}};
  // What comes before it forwards again, or while a slow broker answers nothing for a second, is of
  // the backlog as well; that alone would take minutes.
  const auto goes_first = [&](const std::string& name) {
    bool came = false;
    for (int round = 0; round < 10 && !came; ++round) {
      const auto line = name + std::to_string(round);
      tally.append(line, kLive);
      came = tally.comes(line, seconds(10));
    }
    REQUIRE(came);
    CHECK(tally.arrived("backlog") < kBacklog);
  };
  // What is there when it connects is the backlog: all of it has been read, some been sent.
  const auto forwards = [&](Agent& agent) {
    INFO(agent.log());
    REQUIRE(eventually(seconds(30), [&] {
      return agent.metric("punchline_records_confirmed_total") > 0 &&
             agent.metric("punchline_unsettled_bytes") + 100'000 >
                 agent.metric("punchline_waiting_bytes");
    }));
  };
  {
    Agent agent(setup);
    forwards(agent);
    goes_first("first");
    agent.kill9();
  }
  {
    Agent agent(setup);
    forwards(agent);
    goes_first("second");
    kafka.kill9(0);
    tally.append("outage", kLive);
    kafka.restart(0);
    goes_first("third");
    agent.kill9();
  }
  setup.before = {"env", "PUNCHLINE_ORDER=relaxed"};
  Agent agent(setup);
  REQUIRE(agent.drains());
  REQUIRE(tally.comes("backlog"));
  REQUIRE(tally.comes("outage"));
  CHECK(tally.lost() == 0);
  CHECK(tally.invented() == 0);
  // What was confirmed and not freed yet at the kill, or unanswered at either.
  CHECK(tally.twice() < 5 * kLive);
  std::printf("twice: %llu\n", static_cast<unsigned long long>(tally.twice()));
  CHECK(agent.stop().code == 0);
  const auto left = inspect(buffer);
  CHECK(left.front == left.logical_bytes);
}

}  // namespace
}  // namespace punchline::testing
