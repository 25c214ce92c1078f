#include "buffer/boot.h"

#include <array>
#include <cerrno>
#include <ctime>

#include <fcntl.h>

#include "buffer/base/timestamp.h"
#include "buffer/descriptor.h"
#include "buffer/frame.h"
#include "buffer/wall_time.h"

namespace punchline {

Result<std::string> boot_id() {
  auto file = Descriptor::open("/proc/sys/kernel/random/boot_id", O_RDONLY);
  if (!file) return file.error();
  std::array<char, 64> text{};
  auto got = file->read_at(0, text);
  if (!got) return got.error();
  std::string id(text.data(), *got);
  id.erase(id.find_last_not_of(" \n") + 1);
  if (id.empty()) return file->error(ENODATA, "read");
  return id;
}

Result<std::int64_t> wall_time_ns() {
  timespec wall{};
  if (::clock_gettime(CLOCK_REALTIME, &wall) < 0) return Error::from_errno(errno, "read the clock");
  return nanoseconds(wall);
}

std::int64_t record_time_ms() {
  const auto now = wall_time_ns();
  const auto ms = now ? *now / 1'000'000 : 0;
  return can_be_now(ms) ? ms : FrameRecord::kNoTimestamp;
}

Result<std::int64_t> boot_time_ns() {
  const auto wall = wall_time_ns();
  if (!wall) return wall;
  timespec up{};
  if (::clock_gettime(CLOCK_BOOTTIME, &up) < 0) return Error::from_errno(errno, "read the uptime");
  return *wall - nanoseconds(up);
}

}  // namespace punchline
