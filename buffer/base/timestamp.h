#pragma once

#include <cstdint>

namespace punchline {

/// A time as the kernel gives it (timespec, statx_timestamp), in ns since its clock's epoch.
template <class Timestamp>
constexpr std::int64_t nanoseconds(const Timestamp& at) {
  return std::int64_t{at.tv_sec} * 1'000'000'000 + at.tv_nsec;
}

}  // namespace punchline
