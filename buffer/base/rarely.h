#pragma once

#include <atomic>
#include <cstdint>
#include <span>

/// A branch that few runs take. The simulation counts how often it took each, and tests/sim reports
/// those that it never took: what they do is not proven by it. (The idea is FoundationDB's,
/// CODE_PROBE.) Put it where the branch is decided:
///
///     RARELY(refused == tried, "a full disk refuses every punch");
///
/// It costs one addition where the condition is true. The text is the branch's name and stands in
/// one place only. For functions in .cc files; inline functions cannot have one. Any thread.
#define RARELY(condition, text)                                                              \
  do {                                                                                       \
    [[gnu::section("rare_branches"), gnu::used]] static ::punchline::RareBranch rare_branch{ \
        text, {}};                                                                           \
    if (condition) rare_branch.times.fetch_add(1, std::memory_order_relaxed);                \
  } while (false)

namespace punchline {

struct RareBranch {
  const char* text;
  std::atomic<std::uint64_t> times;
};

}  // namespace punchline

// Made by the linker (ld(1)), since the section's name is one that C allows.
extern "C" {
extern punchline::RareBranch __start_rare_branches[] __attribute__((weak));
extern punchline::RareBranch __stop_rare_branches[] __attribute__((weak));
}

namespace punchline {

/// All that are linked into this program, taken or not.
inline std::span<RareBranch> rare_branches() {
  return {__start_rare_branches, __stop_rare_branches};
}

}  // namespace punchline
