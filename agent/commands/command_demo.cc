#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/commands/commands.h"
#include "agent/demo/demo_account.h"
#include "agent/demo/demo_lines.h"
#include "agent/demo/demo_process.h"
#include "agent/demo/demo_producer.h"
#include "buffer/probe.h"
#include "sinks/embedded_broker.h"
#include "sinks/kafka_reader.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr const char* kTopic = "punchline-demo";
constexpr int kPartitions = 3;
// The embedded broker keeps 5 MB per partition. The lines that wait while the agent is down stay
// below that.
constexpr std::uint64_t kLines = 150'000;
constexpr std::uint64_t kLinesPerSecond = 15'000;
constexpr seconds kAgentDown{1};
constexpr seconds kStuck{20};
constexpr seconds kShowEach{1};
constexpr seconds kStopWait{15};
constexpr seconds kTopicWait{10};
constexpr milliseconds kReadWait{100};
constexpr std::size_t kSourcesShown = 5;
constexpr std::size_t kLogLinesShown = 20;

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  std::fputs((fmt::format(format, std::forward<Args>(args)...) + '\n').c_str(), stdout);
  std::fflush(stdout);
}

std::string mib(std::uint64_t bytes) {
  return bytes < 1 << 20 ? fmt::format("{} KiB", bytes / 1024)
                         : fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// The first of the usual places where delivered data can be freed.
std::string place_for_files() {
  std::error_code error;
  const auto usual = std::filesystem::temp_directory_path(error);
  for (const auto& place : {usual.string(), std::string("/var/tmp"), std::string("/dev/shm")}) {
    const auto probe = probe_folder(place);
    if (probe && probe->punch.works()) return place;
  }
  return ".";
}

/// A folder of its own, which is removed with the object.
class Folder {
 public:
  Folder() {
    auto name = place_for_files() + "/punchline-demo-XXXXXX";
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (made()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  bool made() const { return !path_.empty(); }
  std::string file(const char* name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// Blocks SIGINT and SIGTERM and tells whether one has come, so that folder and child are always
/// cleared away. Made before any thread, so that all threads inherit the mask.
class Interruption {
 public:
  Interruption() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGINT);
    sigaddset(&signals_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals_, &before_);
  }
  ~Interruption() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

  bool come() {
    const timespec at_once{};
    come_ = come_ || sigtimedwait(&signals_, nullptr, &at_once) > 0;
    return come_;
  }

 private:
  sigset_t signals_;
  sigset_t before_;
  bool come_ = false;
};

struct Sizes {
  std::uint64_t logical = 0;
  std::uint64_t allocated = 0;
};

Sizes sizes_of(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) return {};
  return {static_cast<std::uint64_t>(found.st_size),
          static_cast<std::uint64_t>(found.st_blocks) * 512};
}

/// The objects that a Demo uses. All of them outlive it.
struct Props {
  const DemoLines& lines;
  const Folder& folder;
  const EmbeddedBroker& broker;
  KafkaReader& reader;
  Interruption& interruption;
};

/// The story: an agent at work, killed, started again; and the account of it.
class Demo {
 public:
  explicit Demo(const Props& props)
      : props_(props),
        buffer_(props.folder.file("demo.buf")),
        log_(props.folder.file("agent.log")),
        account_(props.lines, kLines),
        producer_(props.lines, {buffer_, kLines, kLinesPerSecond}) {}

  ExitCode run();

 private:
  bool start_agent();
  bool forward_half();
  bool kill_in_the_middle();
  bool forward_the_rest();
  template <class Condition>
  bool collect_until(Condition condition);
  std::size_t collect();
  bool must_end();
  void show_progress();
  bool end_early(ExitCode code, std::string why);
  ExitCode give_up() const;
  ExitCode report(std::optional<int> exit_code) const;

  const Props props_;
  const std::string buffer_;
  const std::string log_;
  DemoAccount account_;
  DemoProducer producer_;
  std::optional<DemoProcess> agent_;  // empty while there is none
  std::string trouble_;               // why the story ended early
  ExitCode trouble_code_ = ExitCode::ok;
  std::uint64_t allocated_max_ = 0;
  Clock::time_point last_arrival_ = Clock::now();
  Clock::time_point last_shown_ = Clock::now();
};

bool Demo::start_agent() {
  auto agent = DemoProcess::start(
      {"run", "-b", buffer_, "--brokers", props_.broker.bootstrap(), "--topic", kTopic}, log_);
  if (!agent) {
    return !end_early(ExitCode::io, agent.error().message());
  }
  agent_.emplace(std::move(*agent));
  last_arrival_ = Clock::now();
  say("  agent   pid {}: punchline run -b {} --brokers {} --topic {}", agent_->pid(), buffer_,
      props_.broker.bootstrap(), kTopic);
  return true;
}

std::size_t Demo::collect() {
  const auto got = props_.reader.read(kReadWait, [this](const KafkaReader::Record& record) {
    account_.arrived(record.partition, record.payload);
  });
  if (got > 0) last_arrival_ = Clock::now();
  allocated_max_ = std::max(allocated_max_, sizes_of(buffer_).allocated);
  return got;
}

void Demo::show_progress() {
  if (Clock::now() - last_shown_ < kShowEach) return;
  last_shown_ = Clock::now();
  say("          {:>7} lines appended, {:>7} delivered, {:>9} on disk", producer_.appended(),
      account_.delivered(), mib(sizes_of(buffer_).allocated));
}

bool Demo::end_early(ExitCode code, std::string why) {
  trouble_code_ = code;
  trouble_ = std::move(why);
  return true;
}

bool Demo::must_end() {
  if (props_.interruption.come()) return end_early(ExitCode::temporary, "interrupted");
  if (producer_.failed()) return end_early(ExitCode::io, "the producer cannot write " + buffer_);
  if (!agent_) return false;
  if (!agent_->running()) return end_early(ExitCode::io, "the agent ended by itself");
  if (Clock::now() - last_arrival_ < kStuck) return false;
  return end_early(ExitCode::data, fmt::format("nothing has arrived for {} s", kStuck.count()));
}

template <class Condition>
bool Demo::collect_until(Condition condition) {
  while (!condition()) {
    collect();
    show_progress();
    if (must_end()) return false;
  }
  return true;
}

bool Demo::forward_half() {
  return start_agent() && collect_until([this] {
           return producer_.appended() >= kLines / 2 && account_.delivered() > 0;
         });
}

bool Demo::kill_in_the_middle() {
  agent_->kill9();
  agent_.reset();
  say("\nkill -9 of the agent. The producer goes on; nothing is forwarded for {} s.",
      kAgentDown.count());
  const auto until = Clock::now() + kAgentDown;
  if (!collect_until([&] { return Clock::now() >= until; })) return false;
  say("\nThe buffer while nobody works on it:\n");
  (void)command_inspect({.path = buffer_, .json = false});
  say("\nThe agent is started again and goes on where it was.");
  return true;
}

bool Demo::forward_the_rest() {
  if (!start_agent()) return false;
  if (!collect_until([this] { return producer_.done() && account_.lost() == 0; })) return false;
  while (collect() > 0) {  // duplicates may still be on their way
  }
  return true;
}

void say_last_lines(const std::string& path) {
  std::ifstream in(path);
  std::deque<std::string> last;
  for (std::string line; std::getline(in, line);) {
    last.push_back(line);
    if (last.size() > kLogLinesShown) last.pop_front();
  }
  for (const auto& line : last)
    say("  {}", line);
}

ExitCode Demo::give_up() const {
  say("\nThe demo ends early: {}.", trouble_);
  say("{} lines were appended, {} of them delivered. The agent's last words:", producer_.appended(),
      account_.delivered());
  say_last_lines(log_);
  return trouble_code_;
}

ExitCode Demo::report(std::optional<int> exit_code) const {
  const auto end = sizes_of(buffer_);
  say("\nAccount, line by line:\n");
  say("  appended        {:>10}", account_.expected());
  say("  delivered       {:>10}  each compared byte for byte", account_.delivered());
  say("  lost            {:>10}", account_.lost());
  say("  delivered twice {:>10}  what was in flight at the kill -9", account_.duplicates());
  say("  out of order    {:>10}  within their partition", account_.out_of_order());
  say("  never appended  {:>10}", account_.invented());
  say("  on disk, before {:>10}  when the agent was started again", mib(allocated_max_));
  say("  on disk, after  {:>10}  of a file of {}", mib(end.allocated), mib(end.logical));
  if (!account_.holds()) return ExitCode::data;
  if (exit_code == 0) return ExitCode::ok;
  say("\nBut the agent did not end well when it was told to stop. Its last words:");
  say_last_lines(log_);
  return ExitCode::io;
}

ExitCode Demo::run() {
  if (!(forward_half() && kill_in_the_middle() && forward_the_rest())) return give_up();
  const auto exit_code = agent_->stop(kStopWait);
  say("\nThe buffer when everything is delivered:\n");
  (void)command_inspect({.path = buffer_, .json = false});
  return report(exit_code);
}

void say_sources(const DemoLines& lines) {
  say("  lines   {} different ones of this machine, numbered and repeated:", lines.size());
  const auto& sources = lines.sources();
  for (std::size_t i = 0; i < std::min(sources.size(), kSourcesShown); ++i) {
    say("          {}", sources[i]);
  }
  if (sources.size() > kSourcesShown) {
    say("          and {} more files", sources.size() - kSourcesShown);
  }
}

void say_how_to_go_on() {
  say("\nThe same with your own Kafka:\n"
      "  punchline check -b /var/spool/app.buf --brokers HOST:9092 --topic NAME\n"
      "  punchline run   -b /var/spool/app.buf --brokers HOST:9092 --topic NAME\n"
      "and let any program append to the buffer:\n"
      "  your-program >> /var/spool/app.buf");
}

ExitCode refuse(ExitCode code, const std::string& why) {
  std::fprintf(stderr, "punchline: demo: %s\n", why.c_str());
  return code;
}

}  // namespace

ExitCode command_demo() {
  Interruption interruption;
  const Folder folder;
  if (!folder.made()) return refuse(ExitCode::cannot_open, "cannot make a folder for its files");
  auto broker = EmbeddedBroker::start();
  if (!broker) return refuse(ExitCode::unavailable, broker.error().message());
  const auto topic = (*broker)->create_topic(kTopic, kPartitions);
  if (!topic) return refuse(ExitCode::unavailable, topic.error().message());
  auto reader =
      KafkaReader::open({{"bootstrap.servers", (*broker)->bootstrap()}}, kTopic, kTopicWait);
  if (!reader) return refuse(ExitCode::unavailable, reader.error().message());

  const auto lines = DemoLines::from_machine();
  say("{} lines, {} a second, go through a buffer to a broker inside this process.\n", kLines,
      kLinesPerSecond);
  say("  broker  {}, topic {}, {} partitions", (*broker)->bootstrap(), kTopic, kPartitions);
  say_sources(lines);
  const auto code = Demo({lines, folder, **broker, **reader, interruption}).run();
  if (code == ExitCode::ok) say("\nNothing was lost.");
  if (code == ExitCode::ok) say_how_to_go_on();
  return code;
}

}  // namespace punchline
