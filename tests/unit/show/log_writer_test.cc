#include "agent/show/log_writer.h"

#include <array>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "agent/show/stderr_log.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"

using namespace punchline;
using namespace std::chrono_literals;

namespace {

/// A pipe of a page that is read when the test wants it.
class SmallPipe {
 public:
  SmallPipe() {
    REQUIRE(::pipe2(ends_.data(), O_CLOEXEC) == 0);
    REQUIRE(::fcntl(in(), F_SETPIPE_SZ, 4096) == 4096);
    REQUIRE(::fcntl(ends_[0], F_SETFL, O_NONBLOCK) == 0);
  }
  ~SmallPipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  SmallPipe(const SmallPipe&) = delete;
  SmallPipe& operator=(const SmallPipe&) = delete;

  int in() const { return ends_[1]; }
  /// Reads until `text` has come; all that has come by then.
  std::string until(std::string_view text) {
    const bool came = testing::eventually(20s, [&] {
      std::array<char, 4096> piece;
      const auto got = ::read(ends_[0], piece.data(), piece.size());
      if (got > 0) read_.append(piece.data(), static_cast<std::size_t>(got));
      return read_.find(text) != std::string::npos;
    });
    CHECK(came);
    return read_;
  }

 private:
  std::array<int, 2> ends_{};
  std::string read_;
};

}  // namespace

TEST_CASE("whoever writes waits for no reader, and what finds no room is counted") {
  SmallPipe pipe;
  std::string taken;
  std::uint64_t dropped = 0;
  {
    LogWriter writer(pipe.in(), {.waiting_bytes_max = 10'000, .last_words = 20s});
    for (int i = 0; i < 1000; ++i) {
      const auto line = "line " + std::to_string(i) + std::string(90, '.') + "\n";
      if (writer.write(line)) {
        taken += line;
      } else {
        ++dropped;
      }
    }
    CHECK(dropped > 500);
    CHECK(writer.dropped() == dropped);
    // Once somebody reads, all that was taken comes in its order, and there is room again.
    pipe.until(taken);
    CHECK(testing::eventually(20s, [&] { return writer.write("the last\n"); }));
  }
  CHECK(pipe.until("the last\n") == taken + "the last\n");
}

TEST_CASE("a log that nobody reads ends all the same") {
  static const auto* pipe = new SmallPipe;  // the thread that is left behind still writes to it
  LogWriter writer(pipe->in(), {.waiting_bytes_max = 1 << 20, .last_words = 0ms});
  for (int i = 0; i < 1000; ++i)
    CHECK(writer.write(std::string(100, '.') + "\n"));
}

TEST_CASE("the first line that finds room again tells how many are missing") {
  SmallPipe pipe;
  const int before = ::dup(STDERR_FILENO);
  ::dup2(pipe.in(), STDERR_FILENO);
  auto log = stderr_log(LogLevel::info, LogFormat::text);
  while (log->dropped() < 10)
    log->info("{}", std::string(1000, '.'));
  pipe.until("\n");
  CHECK(testing::eventually(20s, [&] {
    const auto dropped = log->dropped();
    log->info("one more");
    pipe.until("\n");
    return log->dropped() == dropped;
  }));
  pipe.until("lines before this one are missing");
  log.reset();
  ::dup2(before, STDERR_FILENO);
  ::close(before);
}
