#include "agent/host/descriptors.h"

#include <sys/resource.h>

namespace punchline {
namespace {

// Counted in /proc/PID/fd: three for the file and one for its lock file.
constexpr std::uint64_t kOfBuffer = 4;
// Signals, timers, inotify, librdkafka's wake-ups, the log, one broker, one client of the pages.
constexpr std::uint64_t kOfProcess = 24;
// The same for a second file under the name, and what the quarantine needs.
constexpr std::uint64_t kOfBufferMost = 2 * kOfBuffer + 2;
constexpr std::uint64_t kOfProcessMost = 256;

}  // namespace

DescriptorLimit raise_descriptor_limit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return {};
  const auto soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return {soft, ::setrlimit(RLIMIT_NOFILE, &limit) < 0 ? soft : limit.rlim_cur};
}

std::uint64_t descriptors_least(std::size_t buffers) {
  return kOfProcess + kOfBuffer * buffers;
}

std::uint64_t descriptors_needed(std::size_t buffers) {
  return kOfProcessMost + kOfBufferMost * buffers;
}

}  // namespace punchline
