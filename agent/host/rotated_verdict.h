#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

namespace punchline {

/// Decides what a file beside a buffer is to it: whether it was the buffer, before somebody rotated
/// it, and what is to be done with it (buffer/FORMAT.md, "Rotated by hand"). Pure: it is handed the
/// facts about the file. Any thread. All times are in nanoseconds since the epoch, as the
/// filesystem tells time.

/// A file in the buffer's folder that is no buffer of this agent.
struct Beside {
  enum class State : std::uint8_t {
    none,
    own,     ///< Written for this very file, or it does not check.
    copied,  ///< Written for another file, of which this is a copy.
    newer,   ///< Written by a later program.
  };
  std::string name;
  std::optional<std::string> noted_name = {};  ///< An agent had it as the buffer of this name.
  /// If that was a run --once, and its name looked like a rotated one: the buffer that it may have
  /// been.
  std::string perhaps_name = {};
  State state = State::none;
  std::uint64_t bytes = 0;
  std::uint64_t bytes_left = 0;  ///< What a start would read if it had the buffer's name.
  std::int64_t born_ns = 0;      ///< 0: the filesystem does not tell.
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  /// It may be another buffer, or the lock file may be left from a file that was forwarded by hand
  /// under this name.
  bool has_lock_file = false;
  /// Whether somebody has it open for writing; empty if the kernel does not tell. Called only if it
  /// matters: it takes a lease, which keeps an opener waiting for a moment.
  std::function<std::optional<bool>()> is_open = {};
};

/// The same for a file that cannot be opened.
struct ClosedBeside {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t changed_ns = 0;
  bool may_not = false;  ///< Its rights forbid it.
};

/// The buffer whose rotated files are looked for.
struct Sought {
  std::string name;
  std::set<std::string> neighbours;  ///< The agent's buffers in the same folder.
  std::optional<std::int64_t> seen_ns;  ///< When an agent has last looked; empty: not known.
  std::int64_t now_ns = 0;
};

enum class Verdict : std::uint8_t {
  other,       ///< It is none of this buffer's, or nothing of it is left.
  to_forward,  ///< It is read as the buffer would be.
  unseen,      ///< Made since an agent last looked, and none has ever had it: to be named.
  copy,        ///< A copy of what was the buffer, made since then: to be named.
  quarantine,  ///< It was the buffer's quarantine, and holds something: to be named.
  left,        ///< A run --once had it by hand, and left something of it: to be named.
  undated,     ///< As `unseen`, but it is not known when an agent last looked.
  closed,      ///< Perhaps to be forwarded, but its rights, or a later program's state, forbid it.
  unknown,     ///< Perhaps to be forwarded, but it cannot be opened: to be looked at again.
};
bool is_to_be_named(Verdict verdict);  ///< unseen, copy, quarantine, left, undated
Verdict verdict_on(const Beside& file, const Sought& sought);
Verdict verdict_on(const ClosedBeside& file, const Sought& sought);

}  // namespace punchline
