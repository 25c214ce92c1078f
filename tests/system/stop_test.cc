#include <algorithm>
#include <filesystem>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/faulty_broker.h"
#include "tests/support/kcat.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kLines = 50'000;  // less than the 5 MB a partition that such a broker keeps
constexpr auto kDeadline = seconds(5);    // stop_timeout's default
constexpr auto kScheduling = seconds(2);  // what a busy machine may add

std::unique_ptr<FaultyBroker> start_broker() {
  auto broker = FaultyBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 2).ok());
  return std::move(*broker);
}

struct Stopped {
  Exit exit;
  Clock::duration took;
};

Stopped stop(Agent& agent, int signal = SIGTERM) {
  const auto begin = Clock::now();
  agent.process().signal(signal);
  const auto exit = agent.process().finish(seconds(30));
  return {exit, Clock::now() - begin};
}

TEST_CASE("SIGTERM and SIGINT end an idle agent at once, with all freed") {
  const TempDir folder("stop-idle");
  const auto broker = start_broker();
  for (const int signal : {SIGTERM, SIGINT}) {
    const auto buffer = folder.file("buffer-" + std::to_string(signal));
    write_lines(LogCorpus::committed(), 0, 20'000, buffer);
    Agent agent({.buffer = buffer, .brokers = broker->bootstrap(), .topic = "t"});
    REQUIRE(agent.drains());
    const auto stopped = stop(agent, signal);
    CHECK(stopped.exit.code == 0);
    CHECK(stopped.took < seconds(2));
    CHECK(allocated_bytes(buffer) <= 64 * 1024);
  }
}

// Where systemd listens for what its services are up to.
class NotifySocket {
 public:
  explicit NotifySocket(const std::string& path)
      : fd_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~NotifySocket() { ::close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // What comes next; empty where nothing does in time.
  std::string next() const {
    pollfd wanted{fd_, POLLIN, 0};
    if (::poll(&wanted, 1, 20'000) != 1) return {};
    char text[256];
    const auto size = ::recv(fd_, text, sizeof text, 0);
    return {text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }
  bool silent() const {
    pollfd wanted{fd_, POLLIN, 0};
    return ::poll(&wanted, 1, 0) == 0;
  }

 private:
  int fd_;
};

TEST_CASE("the service manager hears when producers may start, and of the end") {
  const TempDir folder("notify");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "torn");
  const NotifySocket manager(folder.file("notify"));
  auto command =
      run_command({.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t", .more = {"--fence"}});
  command.environment = {"NOTIFY_SOCKET=" + folder.file("notify")};
  Agent agent(buffer, command);
  CHECK(manager.next() == "READY=1");
  CHECK(read_file(buffer) == std::string("torn\0\n", 6));  // the fence stands
  CHECK(manager.silent());
  CHECK(stop(agent).exit.code == 0);
  CHECK(manager.next() == "STOPPING=1");

  command.environment = {"NOTIFY_SOCKET=" + folder.file("nobody")};
  Agent alone(buffer, command);
  CHECK(alone.logs("NOTIFY_SOCKET " + folder.file("nobody")));
  CHECK(stop(alone).exit.code == 0);
}

// A pipe of a page that nobody reads.
class UnreadPipe {
 public:
  explicit UnreadPipe(const std::string& path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);  // does not wait for another (fifo(7))
    REQUIRE(::fcntl(fd_, F_SETPIPE_SZ, 4096) == 4096);
  }
  ~UnreadPipe() { ::close(fd_); }
  UnreadPipe(const UnreadPipe&) = delete;
  UnreadPipe& operator=(const UnreadPipe&) = delete;

  int bytes() const {
    int waiting = 0;
    REQUIRE(::ioctl(fd_, FIONREAD, &waiting) == 0);
    return waiting;
  }

 private:
  int fd_ = -1;
};

// Whether it has taken all signals that were sent to it (proc(5): ShdPnd).
bool hears(const Process& process) {
  return eventually(seconds(30), [&] {
    const auto status = read_file("/proc/" + std::to_string(process.pid()) + "/status");
    return status.find("ShdPnd:\t0000000000000000\n") != std::string::npos;
  });
}

TEST_CASE("nobody reads the log: records go on, and it ends in time") {
  const TempDir folder("unread-log");
  const auto broker = start_broker();
  const auto buffer = folder.file("buffer");
  const UnreadPipe pipe(folder.file("log"));
  auto command = run_command({.buffer = buffer, .brokers = broker->bootstrap(), .topic = "t"});
  command.stderr_path = folder.file("log");
  Process agent(command);
  REQUIRE(eventually(seconds(30), [&] { return std::filesystem::exists(buffer); }));
  constexpr int kLinesMax = 4096 / 64;  // each SIGHUP is a line of 64 bytes or more
  for (int i = 0; i < 2 * kLinesMax; ++i) {
    agent.signal(SIGHUP);
    REQUIRE(hears(agent));
  }
  CHECK(pipe.bytes() > 3500);
  write_file(buffer, "late\n");
  CHECK(eventually(seconds(30), [&] { return inspect(buffer).waiting_bytes == 0; }));
  const auto begin = Clock::now();
  agent.signal(SIGTERM);
  CHECK(agent.finish(seconds(30)).code == 0);
  CHECK(Clock::now() - begin < kDeadline + kScheduling);
}

TEST_CASE("with the broker away it ends within the deadline and keeps everything") {
  const TempDir folder("stop-away");
  const auto buffer = folder.file("buffer");
  write_lines(LogCorpus::committed(), 0, 20'000, buffer);
  const auto before = read_file(buffer);
  Agent agent({.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t"});
  CHECK(!agent.page("/metrics").empty());
  const auto stopped = stop(agent);
  CHECK(stopped.exit.code == 0);
  CHECK(stopped.took < kDeadline + kScheduling);
  CHECK(read_file(buffer) == before);
}

TEST_CASE(
    "in the middle of a stream to a slow broker: within the deadline, nothing is freed early") {
  const TempDir folder("stop-load");
  const auto broker = start_broker();
  const auto buffer = folder.file("buffer");
  const auto corpus = LogCorpus::committed();
  Producer producer(corpus, 0, buffer, {.lines = kLines});
  const std::vector<std::vector<std::uint64_t>> offsets = {producer.join()};
  broker->set_delay(milliseconds(200));
  const RunSetup setup{.buffer = buffer, .brokers = broker->bootstrap(), .topic = "t"};
  double confirmed = 0;
  {
    Agent agent(setup);
    REQUIRE(eventually(seconds(30),
                       [&] { return agent.metric("punchline_records_confirmed_total") > 0; }));
    confirmed = agent.metric("punchline_records_confirmed_total");
    const auto stopped = stop(agent);
    CHECK(stopped.exit.code == 0);
    CHECK(stopped.took < kDeadline + kScheduling);
  }
  const auto left = inspect(buffer).waiting_records;
  CHECK(left <= kLines - static_cast<std::uint64_t>(confirmed));
  // The last line is still there as it was appended, unless it has been delivered.
  if (left > 0) {
    const auto last = corpus.line({0, kLines - 1}) + "\n";
    CHECK(read_file(buffer).ends_with(last));
  }
  broker->set_delay(milliseconds(0));
  CHECK(run_once(setup).exit.code == 0);
  const auto account =
      settle(corpus, offsets, read_topic(broker->bootstrap(), "t", 2, folder.path()));
  INFO(account.text());
  CHECK(account.sound());
}

}  // namespace
}  // namespace punchline::testing
