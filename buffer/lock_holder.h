#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace punchline {

/// The attribute that names the process working on the buffer: "host=web1 pid=123
/// since=2026-01-31T12:00:00Z boot=0123456789abcdef lock=8:1:42 token=fedcba9876543210".
inline constexpr std::string_view kHolderAttribute = "user.punchline.holder";
/// Set by a newcomer that cannot tell whether the holder is alive. A holder that is removes it.
inline constexpr std::string_view kAskAttribute = "user.punchline.ask";

/// Who works on a buffer, as text in an attribute of it (buffer/FORMAT.md, "Who may work on it").
/// Plain data; pure functions. Any thread.
struct LockHolder {
  std::string host;
  pid_t pid = 0;
  std::string since;        ///< When it took the lock, UTC.
  std::string boot = {};    ///< fold_boot_id() of its boot, in hex.
  std::string lock = {};    ///< LockFile::identity(), or kNoLockFile; empty: an older program.
  std::string token = {};   ///< Random; empty: an older program.

  /// "pid 123 on web1 since 2026-01-31T12:00:00Z"
  std::string text() const;
  friend bool operator==(const LockHolder&, const LockHolder&) = default;
};
/// LockHolder::lock of a holder that has no lock file. It never collapses.
inline constexpr std::string_view kNoLockFile = "none";
/// The text of the attribute, and the value of such a text: empty if it does not parse.
std::string encode(const LockHolder& holder);
std::optional<LockHolder> decode_holder(std::string_view text);

}  // namespace punchline
