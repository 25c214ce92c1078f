// A producer or a log rotation truncates the buffer, which nobody should: what is appended from
// then on arrives all the same, and nothing that nobody appended.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

enum class Broker { alive, frozen, dead };
enum class AgentIs { alive, stopped, killed };
enum class Cut { to_nothing, below_the_front, above_the_front };
enum class Regrown { smaller, larger };

struct Scenario {
  const char* format;
  Broker broker;
  AgentIs agent;
  Cut cut;
  Regrown regrown;
};

std::string text_of(const Scenario& at) {
  static const char* kBroker[] = {"alive", "frozen", "dead"};
  static const char* kAgent[] = {"alive", "stopped", "killed"};
  static const char* kCut[] = {"to nothing", "below the front", "above the front"};
  static const char* kRegrown[] = {"smaller", "larger"};
  std::ostringstream text;
  text << at.format << ", broker " << kBroker[static_cast<int>(at.broker)] << ", agent "
       << kAgent[static_cast<int>(at.agent)] << ", cut " << kCut[static_cast<int>(at.cut)]
       << ", regrown " << kRegrown[static_cast<int>(at.regrown)];
  return text.str();
}

// FORMAT.md, "Limits": while no agent looks, regrown beyond where it was. In lines that is seen
// unless a line happens to begin there.
bool can_be_seen(const Scenario& at) {
  if (at.agent == AgentIs::alive || at.regrown == Regrown::smaller) return true;
  // It may have been stopped between its look and its reading.
  return at.agent == AgentIs::killed && at.format == std::string("lines");
}

class Story {
 public:
  Story(KafkaCluster& kafka, const Scenario& at, const std::string& topic)
      : kafka_(kafka), at_(at), topic_(topic) {}

  void tell() {
    kafka_.create_topic(topic_, 1);
    start();
    append("before", 3'000);
    REQUIRE(agent_->drains());
    const auto front = std::filesystem::file_size(buffer_);
    const auto first = lines_;
    break_broker();
    append("then", 3'000);
    const auto middle = std::filesystem::file_size(buffer_);
    append("after", 3'000);
    // An agent that has not seen it so long does not know that it was cut. Twice: a size that is
    // shown may be newer than the last look.
    if (at_.agent == AgentIs::alive) REQUIRE(sees_all());
    append("after", 1);
    if (at_.agent == AgentIs::alive) REQUIRE(sees_all());
    stop_agent();
    const auto stored = at_.agent == AgentIs::killed ? stored_front() : 0;
    std::filesystem::resize_file(buffer_, at_.cut == Cut::to_nothing        ? 0
                                          : at_.cut == Cut::below_the_front ? frame_start(front / 2)
                                                                            : middle);
    if (at_.regrown == Regrown::larger && at_.agent == AgentIs::alive) {
      REQUIRE(agent_->logs("it was truncated"));
    }
    for (auto& line : lines_)
      may_be_.insert(line);
    must_be_.insert(first.begin(), first.end());
    lines_.clear();
    const int count = at_.regrown == Regrown::smaller ? 500 : 15'000;
    std::string name = "new";
    while (begins_a_line_at(stored, name, count))  // a start would not see that it was truncated
      name += 'r';
    append(name, count);
    must_be_.insert(lines_.begin(), lines_.end());
    continue_agent();
    mend_broker();
    REQUIRE(agent_->drains());
    CHECK(agent_->stop().code == 0);
    check();
  }

 private:
  void start() {
    agent_.emplace(RunSetup{.buffer = buffer_, .brokers = kafka_.bootstrap(), .topic = topic_});
  }

  static std::vector<std::string> lines(const std::string& name, int count) {
    std::vector<std::string> all;
    for (int i = 0; i < count; ++i)
      all.push_back(name + " " + std::to_string(i) + " " + std::string(i % 150, 'x'));
    return all;
  }

  std::uint64_t stored_front() const {
    const auto stored = nlohmann::json::parse(run(punchline({"inspect", "--json", buffer_})).out);
    return stored["front"].get<std::uint64_t>() - stored["base"].get<std::uint64_t>();
  }

  bool begins_a_line_at(std::uint64_t offset, const std::string& name, int count) const {
    if (offset == 0) return false;
    auto at = std::filesystem::file_size(buffer_);
    for (const auto& line : lines(name, count)) {
      if (at == offset) return true;
      at += line.size() + 1;
    }
    return at == offset;
  }

  void append(const std::string& name, int count) {
    std::string text;
    for (const auto& line : lines(name, count)) {
      lines_.push_back(line);
      text += line + "\n";
    }
    write_file(folder_.file("input"), text);
    auto command = punchline({"append", buffer_, "--format", at_.format});
    command.stdin_path = folder_.file("input");
    const auto done = run(command);
    INFO(done.err);
    REQUIRE(done.exit.code == 0);
  }

  // Where something begins: behind a newline, in frames anywhere, since a piece is seen as one.
  std::uint64_t frame_start(std::uint64_t near) const {
    if (std::string(at_.format) == "frames") return near;
    const auto text = read_file(buffer_);
    return text.find('\n', near) == std::string::npos ? 0 : text.find('\n', near) + 1;
  }

  void break_broker() {
    if (at_.broker == Broker::frozen) kafka_.freeze(0);
    if (at_.broker == Broker::dead) kafka_.kill9(0);
  }
  void mend_broker() {
    if (at_.broker == Broker::frozen) kafka_.thaw(0);
    if (at_.broker == Broker::dead) kafka_.restart(0);
  }
  bool sees_all() {
    return eventually(std::chrono::seconds(20), [this] {
      return agent_->metric("punchline_logical_bytes") ==
             static_cast<double>(std::filesystem::file_size(buffer_));
    });
  }

  void stop_agent() {
    if (at_.agent == AgentIs::stopped) agent_->process().signal(SIGSTOP);
    if (at_.agent == AgentIs::killed) agent_->kill9();
  }
  void continue_agent() {
    if (at_.agent == AgentIs::stopped) agent_->process().signal(SIGCONT);
    if (at_.agent == AgentIs::killed) start();
  }

  void check() {
    std::istringstream delivered(
        read_file(read_topic(kafka_.bootstrap(), topic_, 1, folder_.path())[0]));
    std::set<std::string> arrived;
    for (std::string line; std::getline(delivered, line);) {
      INFO("arrived: " << line);
      REQUIRE(may_be_.count(line) + must_be_.count(line) > 0);
      arrived.insert(line);
    }
    for (const auto& line : must_be_) {
      INFO("missing: " << line << "\n" << agent_->log());
      REQUIRE(arrived.count(line) == 1);
    }
  }

  KafkaCluster& kafka_;
  Scenario at_;
  std::string topic_;
  TempDir folder_{"truncate"};
  std::string buffer_ = folder_.file("buffer");
  std::optional<Agent> agent_;
  std::vector<std::string> lines_;
  std::set<std::string> must_be_;
  std::set<std::string> may_be_;  // truncated away, perhaps before it was sent
};

void tell_all(const std::vector<Broker>& brokers) {
  KafkaCluster kafka;
  int told = 0;
  for (const char* format : {"lines", "frames"}) {
    for (const auto broker : brokers) {
      for (const auto agent : {AgentIs::alive, AgentIs::stopped, AgentIs::killed}) {
        for (const auto cut : {Cut::to_nothing, Cut::below_the_front, Cut::above_the_front}) {
          for (const auto regrown : {Regrown::smaller, Regrown::larger}) {
            const Scenario at{format, broker, agent, cut, regrown};
            if (!can_be_seen(at)) continue;
            INFO(text_of(at));
            Story(kafka, at, "t" + std::to_string(++told)).tell();
          }
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("truncated while a frozen broker owes reports: what comes then arrives") {
  tell_all({Broker::frozen});
}

TEST_CASE("truncated, whatever the broker does: what comes then arrives", "[.all]") {
  tell_all({Broker::alive, Broker::dead});
}

}  // namespace punchline::testing
