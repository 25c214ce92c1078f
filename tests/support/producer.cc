#include "tests/support/producer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include "tests/support/eventually.h"

namespace punchline::testing {

Producer::Producer(const LogCorpus& corpus, std::uint32_t number, std::string path, Load load)
    : corpus_(corpus), number_(number), path_(std::move(path)), load_(load), thread_([this] {
        append_all();
      }) {}

Producer::~Producer() {
  stop();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::uint64_t> Producer::join() {
  thread_.join();
  if (!error_.empty()) throw std::runtime_error("append to " + path_ + ": " + error_);
  return std::move(offsets_);
}

// One write for the batch: with O_APPEND it stands in one piece, and the descriptor's own position
// afterwards is the end of just this write, whoever else appends (write(2)).
bool Producer::append_batch(int fd, std::uint64_t first, std::uint64_t count) {
  batch_.clear();
  std::vector<std::uint64_t> starts;
  for (auto number = first; number < first + count; ++number) {
    starts.push_back(batch_.size());
    corpus_.append_line({number_, number}, batch_);
  }
  const auto put = write(fd, batch_.data(), batch_.size());
  if (put != static_cast<ssize_t>(batch_.size())) {
    error_ = put < 0 ? std::strerror(errno) : "short write";
    return false;
  }
  const auto begin = static_cast<std::uint64_t>(lseek(fd, 0, SEEK_CUR)) - batch_.size();
  for (const auto start : starts)
    offsets_.push_back(begin + start);
  appended_ += count;
  return true;
}

void Producer::append_all() {
  const int fd = open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) error_ = std::strerror(errno);
  const auto start = Clock::now();
  for (std::uint64_t next = 0; fd >= 0 && next < load_.lines && !stop_;) {
    const auto count = std::min(load_.lines_per_write, load_.lines - next);
    if (!append_batch(fd, next, count)) break;
    next += count;
    if (load_.lines_per_second == 0) continue;
    const std::chrono::duration<double> due(static_cast<double>(next) /
                                            static_cast<double>(load_.lines_per_second));
    pause_until(start + std::chrono::duration_cast<Clock::duration>(due));
  }
  if (fd >= 0) close(fd);
  done_ = true;
}

}  // namespace punchline::testing
