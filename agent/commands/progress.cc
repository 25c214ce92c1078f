#include "agent/commands/progress.h"

#include <cinttypes>
#include <cstdio>

namespace punchline {

void Progress::operator()(Position at, Position end) {
  constexpr std::chrono::seconds kEach{2};
  if (Clock::now() < told_ + kEach) return;
  told_ = Clock::now();
  std::fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " MiB\n", command_.c_str(), at.value() >> 20,
               end.value() >> 20);
}

}  // namespace punchline
