// What a buffer's size costs: the agent, `inspect` and `verify` on files of great logical size, of
// very many holes and with a large backlog, beside a small one. Each looks at a filesystem that was
// mounted a moment ago, so nothing of it is in the page cache. Kafka is the mock of librdkafka, in
// this process, which does not count.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "sinks/embedded_broker.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

constexpr std::uint64_t kKib = 1024;
constexpr std::uint64_t kMib = 1024 * kKib;
constexpr std::uint64_t kGib = 1024 * kMib;
constexpr std::uint64_t kTib = 1024 * kGib;
constexpr std::uint64_t kLineBytes = 128;

/// `pieces` times a hole and behind it records, `step_bytes` from one to the next.
struct Shape {
  const char* name;
  std::uint64_t pieces;
  std::uint64_t step_bytes;
  std::uint64_t data_bytes;  // at the end of each step

  std::uint64_t records() const { return pieces * (data_bytes / kLineBytes - 1); }
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double mib(std::uint64_t bytes) {
  return static_cast<double>(bytes) / static_cast<double>(kMib);
}

std::runtime_error failed(const std::string& what) {
  return std::runtime_error(what + ": " + std::to_string(errno));
}

// Begins with a line of NULs, which closes the hole before it.
std::string piece_of(const Shape& shape) {
  std::string text = std::string(kLineBytes - 1, '\0') + "\n";
  const auto record = std::string(kLineBytes - 1, 'x') + "\n";
  while (text.size() < shape.data_bytes)
    text += record;
  return text;
}

void make(const Shape& shape, const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) throw failed("create " + path);
  const auto text = piece_of(shape);
  for (std::uint64_t piece = 1; piece <= shape.pieces; ++piece) {
    const auto at = static_cast<off_t>(piece * shape.step_bytes - text.size());
    if (pwrite(fd, text.data(), text.size(), at) != static_cast<ssize_t>(text.size())) {
      throw failed("write " + path);
    }
  }
  fsync(fd);
  close(fd);
}

class Sizes {
 public:
  Sizes(std::string device, std::string folder)
      : device_(std::move(device)), folder_(std::move(folder)), buffer_(folder_ + "/buffer") {
    auto broker = EmbeddedBroker::start();
    if (!broker || !(*broker)->create_topic("t", 1)) throw std::runtime_error("no mock broker");
    broker_ = std::move(*broker);
  }

  void measure(const Shape& shape) {
    make(shape, buffer_);
    std::printf("%-22s %9.1f GiB %7.1f MiB %9llu |", shape.name,
                mib(shape.pieces * shape.step_bytes) / 1024, mib(shape.pieces * shape.data_bytes),
                static_cast<unsigned long long>(shape.pieces));
    look("inspect");
    look("verify");
    forward(shape);
    std::filesystem::remove(buffer_);
  }

 private:
  void remount() const {
    for (const auto& argv : {std::vector<std::string>{"umount", folder_},
                             std::vector<std::string>{"mount", device_, folder_}}) {
      const auto done = run({.argv = argv});
      if (done.exit.code != 0) throw std::runtime_error(argv[0] + ": " + done.err);
    }
  }

  void look(const std::string& command) const {
    remount();
    const auto begin = Clock::now();
    const auto done = run(punchline({command, buffer_}), std::chrono::minutes(30));
    if (done.exit.code != 0) throw std::runtime_error(command + ": " + done.err + done.out);
    std::printf(" %7.2f s %6.1f |", seconds_since(begin), mib(done.exit.rss_bytes_max));
    std::fflush(stdout);
  }

  void forward(const Shape& shape) const {
    remount();
    const auto begin = Clock::now();
    Agent agent({.buffer = buffer_, .brokers = broker_->bootstrap(), .topic = "t"});
    wait_for(agent, 1);
    const auto first = seconds_since(begin);
    wait_for(agent, static_cast<double>(shape.records()));
    const auto all = seconds_since(begin);
    const auto stopped = agent.stop();
    const auto data = mib(shape.pieces * shape.data_bytes);
    std::printf(" %7.2f s %8.2f s %7.1f MiB/s %7.2f s CPU %6.1f\n", first, all, data / all,
                stopped.cpu.count(), mib(stopped.rss_bytes_max));
    std::fflush(stdout);
  }

  static void wait_for(Agent& agent, double records) {
    const bool seen = eventually(std::chrono::minutes(30), [&] {
      return agent.metric("punchline_records_confirmed_total") >= records;
    });
    if (!seen) throw std::runtime_error("not all records were confirmed:\n" + agent.log());
  }

  std::string device_;
  std::string folder_;
  std::string buffer_;
  std::unique_ptr<EmbeddedBroker> broker_;
};

void run_all(const std::string& device, const std::string& folder, std::uint64_t holes) {
  std::printf("%-22s %13s %11s %9s | %9s %6s | %9s %6s | %9s %10s %13s %13s %6s\n", "", "logical",
              "data", "holes", "inspect", "MiB", "verify", "MiB", "1st out", "all out", "", "run",
              "MiB");
  Sizes sizes(device, folder);
  sizes.measure({"small", 1, kMib, kMib});
  sizes.measure({"dense", 1024, kMib, kMib});
  sizes.measure({"backlog of 100 GiB", 100, kGib, 10 * kMib});
  sizes.measure({"10 TiB", 10, kTib, 10 * kMib});
  sizes.measure({"many holes", holes, 64 * kKib, 4 * kKib});
}

}  // namespace
}  // namespace punchline::testing

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: sizes DEVICE FOLDER HOLES, see tests/bench/sizes\n");
    return 64;
  }
  try {
    punchline::testing::run_all(argv[1], argv[2], std::strtoull(argv[3], nullptr, 10));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sizes: %s\n", error.what());
    return 1;
  }
}
