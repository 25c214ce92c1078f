#include "buffer/host.h"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <ctime>

#include <sys/random.h>
#include <unistd.h>

#include "buffer/boot.h"
#include "buffer/state.h"
#include "buffer/wall_time.h"

namespace punchline {
namespace {

std::string hex(std::uint64_t number) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016" PRIx64, number);
  return text.data();
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) < 0) return "unknown";
  return name.data();
}

std::string boot_text() {
  const auto id = boot_id();
  return id ? hex(fold_boot_id(*id)) : "";
}

std::string random_token() {
  std::uint64_t number = 0;
  // getrandom(2) cannot fail for so few bytes once the pool is initialised.
  (void)getrandom(&number, sizeof number, 0);
  return hex(number);
}

std::string now_utc() {
  return utc_text(std::int64_t{std::time(nullptr)} * 1000);
}

}  // namespace punchline
