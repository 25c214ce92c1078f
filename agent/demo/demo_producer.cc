#include "agent/demo/demo_producer.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fcntl.h>
#include <unistd.h>

namespace punchline {
namespace {

constexpr std::chrono::milliseconds kTick{5};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

DemoProducer::DemoProducer(const DemoLines& lines, Plan plan)
    : lines_(lines), plan_(std::move(plan)), thread_([this] { run(); }) {}

DemoProducer::~DemoProducer() {
  ending_ = true;
  thread_.join();
}

bool DemoProducer::append(int fd, std::uint64_t begin, std::uint64_t end) {
  std::string text;
  for (auto number = begin; number < end; ++number)
    text += lines_.line(number) + '\n';
  return write_all(fd, text);
}

void DemoProducer::run() {
  const int fd = open(plan_.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const auto began = std::chrono::steady_clock::now();
  failed_ = fd < 0;
  for (auto tick = began; !failed_ && !done() && !ending_; tick += kTick) {
    std::this_thread::sleep_until(tick);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(tick - began).count();
    const auto due = static_cast<std::uint64_t>(ms) * plan_.lines_per_second / 1000;
    const auto end = std::min(plan_.lines, due);
    if (append(fd, appended_, end)) {
      appended_ = end;
    } else {
      failed_ = true;
    }
  }
  if (fd >= 0) close(fd);
}

}  // namespace punchline
