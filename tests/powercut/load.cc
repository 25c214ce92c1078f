#include "tests/powercut/load.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/powercut/appender.h"
#include "tests/powercut/records.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

constexpr std::uint64_t kSyncers = 2;  // of other files
constexpr std::uint32_t kDurable = 2;  // producers that sync
constexpr std::uint64_t kOtherBytesMax = 1U << 20U;

void pause(std::mt19937_64& random, Load::Microseconds length) {
  std::this_thread::sleep_for(
      std::chrono::microseconds(between(random, length.least, length.most)));
}

}  // namespace

std::int64_t realtime_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void put_mark(int mark_fd, const std::string& text) {
  if (::pwrite(mark_fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    throw std::runtime_error("mark: " + std::string(std::strerror(errno)));
  }
}

Load::Load(std::string folder, std::string mark, Format format, const Pace& pace,
           std::uint64_t seed)
    : folder_(std::move(folder)),
      mark_(std::move(mark)),
      format_(format),
      pace_(pace),
      begun_ns_(kProducers),
      errors_(kProducers + kSyncers) {
  for (std::uint32_t number = 0; number < errors_.size(); ++number) {
    threads_.emplace_back([this, number, seed] {
      try {
        if (number < kProducers) return produce(number, seed + number);
        sync_others(static_cast<int>(number), seed + number);
      } catch (const std::exception& error) {
        errors_[number] = error.what();
      }
    });
  }
}

Load::~Load() {
  stop_ = true;
  for (auto& thread : threads_)
    if (thread.joinable()) thread.join();
}

std::vector<std::vector<std::int64_t>> Load::stop() {
  stop_ = true;
  for (auto& thread : threads_)
    thread.join();
  for (const auto& error : errors_)
    if (!error.empty()) throw std::runtime_error("load: " + error);
  return std::move(begun_ns_);
}

// What all have appended before it is durable after it.
void Load::mark_durable(int buffer_fd, int mark_fd) {
  struct stat facts {};
  std::string records;
  for (const auto& count : appended_)
    records += " " + std::to_string(count.load());
  if (::fstat(buffer_fd, &facts) != 0 || ::fdatasync(buffer_fd) != 0) {
    throw std::runtime_error("fdatasync: " + std::string(std::strerror(errno)));
  }
  put_mark(mark_fd, "durable " + std::to_string(facts.st_size) + records);
}

void Load::produce(std::uint32_t number, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Appender appender(folder_ + "/buffer", format_, number % 2 == 0);
  const int mark = ::open(mark_.c_str(), O_WRONLY | O_CLOEXEC);
  auto& begun = begun_ns_[number];
  while (!stop_) {
    std::vector<std::string> records;
    const auto count = between(random, 1, 12);
    const auto now = realtime_ns();
    while (records.size() < count) {
      records.push_back(record_text({number, begun.size()}));
      begun.push_back(now);
    }
    appender.append(records);
    appended_[number] = begun.size();
    if (number < kDurable && between(random, 1, pace_.turns_a_sync) == 1)
      mark_durable(appender.descriptor(), mark);
    pause(random, pace_.producers);
  }
  ::close(mark);
}

void Load::sync_others(int number, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto path = folder_ + "/other-" + std::to_string(number);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  std::uint64_t at = 0;
  while (!stop_) {
    const std::string bytes(between(random, 1, 6'000), 'o');
    if (::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at)) < 0 || ::fsync(fd) != 0) {
      throw std::runtime_error("fsync " + path + ": " + std::strerror(errno));
    }
    at += bytes.size();
    if (at > kOtherBytesMax) at = 0;
    pause(random, pace_.others);
  }
  ::close(fd);
}

}  // namespace punchline::testing
