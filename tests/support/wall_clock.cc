#include "tests/support/wall_clock.h"

#include <cstdint>
#include <fstream>

namespace punchline::testing {

using std::chrono::seconds;

WallClock::WallClock(seconds offset) {
  set(offset);
}

void WallClock::set(seconds offset) const {
  const std::int64_t value = offset.count();
  std::fstream file(folder_.file("offset"), std::ios::binary | std::ios::in | std::ios::out);
  if (!file) file.open(folder_.file("offset"), std::ios::binary | std::ios::out);
  file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

void WallClock::set_to(seconds since_epoch) const {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  set(since_epoch - std::chrono::duration_cast<seconds>(now));
}

std::vector<std::string> WallClock::environment() const {
  return {"LD_PRELOAD=" PUNCHLINE_SET_CLOCK, "SET_CLOCK=" + folder_.file("offset")};
}

}  // namespace punchline::testing
