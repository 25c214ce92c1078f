#include "agent/show/log_writer.h"

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include <unistd.h>

#include "buffer/base/quiet_thread.h"

namespace punchline {

struct LogWriter::State {
  int fd = -1;
  bool has_thread = false;
  mutable std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex.
  std::deque<std::string> waiting;  // the first is being written
  std::size_t waiting_bytes = 0;
  std::uint64_t dropped = 0;
  bool closing = false;
};

namespace {

/// The rest of a line is lost if the descriptor takes nothing any more (EPIPE, EBADF, a full disk).
void write_whole(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_all(LogWriter::State& state) {
  std::unique_lock lock(state.mutex);
  for (;;) {
    state.changed.wait(lock, [&] { return !state.waiting.empty() || state.closing; });
    if (state.waiting.empty()) return;
    const auto& line = state.waiting.front();  // others only add after it
    lock.unlock();
    write_whole(state.fd, line);
    lock.lock();
    state.waiting_bytes -= line.size();
    state.waiting.pop_front();
    if (state.waiting.empty()) state.changed.notify_all();
  }
}

}  // namespace

LogWriter::LogWriter(int fd, Limits limits) : limits_(limits), state_(std::make_shared<State>()) {
  state_->fd = fd;
  state_->has_thread = start_quiet_thread([state = state_] { write_all(*state); }).ok();
}

LogWriter::~LogWriter() {
  std::unique_lock lock(state_->mutex);
  state_->closing = true;
  state_->changed.notify_all();
  if (!state_->has_thread) return;
  state_->changed.wait_for(lock, limits_.last_words, [&] { return state_->waiting.empty(); });
}

bool LogWriter::write(std::string line) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->has_thread) {
    write_whole(state_->fd, line);
    return true;
  }
  if (state_->waiting_bytes + line.size() > limits_.waiting_bytes_max) {
    ++state_->dropped;
    return false;
  }
  state_->waiting_bytes += line.size();
  state_->waiting.push_back(std::move(line));
  state_->changed.notify_all();
  return true;
}

std::uint64_t LogWriter::dropped() const {
  const std::lock_guard lock(state_->mutex);
  return state_->dropped;
}

}  // namespace punchline
