#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/log.h"
#include "agent/host/rotated_verdict.h"
#include "buffer/base/result.h"
#include "buffer/posix_file.h"

namespace punchline {

/// Files beside a buffer that were the buffer, before somebody rotated it while no agent ran
/// (buffer/FORMAT.md, "Rotated by hand").
///
/// A buffer is not to be rotated; what was so all the same is not to be lost in silence. What an
/// agent has had bears its state, or the buffer's name, in attributes, and is known by them. What
/// none has ever had is taken in only if its name and its birth leave no doubt, and else named to
/// the operator. Looks into the buffer's folder, and changes nothing there but an attribute of the
/// lock file, which says when an agent has last seen to it that nothing there is left.

/// What was found beside one buffer, oldest first.
struct Rotated {
  std::vector<std::string> to_forward;   ///< Hold something, and are read as they are.
  /// Of which nobody knows what of it was delivered, or which the agent cannot take in itself.
  struct Named {
    std::string path;
    Verdict verdict = Verdict::unseen;  ///< Or copy, or quarantine.
  };
  std::vector<Named> to_be_named;
  std::vector<std::string> undated;  ///< As unseen, but it is not known when an agent last looked.
  struct Closed {
    std::string path;
    std::string why;
  };
  std::vector<Closed> closed;   ///< Renamed since then, and cannot be opened.
  std::vector<Closed> unknown;  ///< Cannot be looked at, the folder perhaps: look again.
};

/// A time as a filesystem gives it to a file that is made or changed now, never later than that:
/// it may lag behind the clock by a tick of some milliseconds (ktime_get_coarse_real_ts64() in
/// fs/inode.c, current_time()).
struct timespec filesystem_now();

/// When an agent has last looked, in nanoseconds since the epoch; nothing where that is not known:
/// no agent has, or it could not note it, or the lock file that it was noted on is gone.
using LastLook = std::optional<std::int64_t>;
/// Errors: it cannot be looked at.
Result<LastLook> last_look(const BufferConfig& config);

/// What cannot be opened is told from others by its name and times alone.
Rotated find_rotated(const BufferConfig& config, const Config& all, const Result<LastLook>& seen);

/// Whether find_rotated() would find `file`, which was a buffer, by the name that it has now.
bool is_looked_for(const std::string& new_path, PosixFile& file, const BufferConfig& config);

/// With the command that takes it in.
void tell_of_archives(const BufferConfig& config, const Rotated& found, Log& log);

/// All that was rotated until then is forwarded, or has been told of. `looked` is filesystem_now()
/// before that file was opened that had the buffer's name when find_rotated() looked: what takes
/// the name after it is born later, and may have lost the name again by then.
void note_rotated_seen(const BufferConfig& config, struct timespec looked);

/// The buffer's name without its folder, as it is noted on the file.
std::string name_of_buffer(const BufferConfig& config);
/// So that the file is known again under another name. Who forwards a rotated file `by_hand`
/// leaves it to the buffer that it was. Errors: `no_space`, `unsupported`, `io`.
Status note_name(const BufferConfig& config, bool by_hand, PosixFile& file);
/// Of another buffer, whose lock file is its own too: by dead_letter_topic, or forwarded apart.
bool is_quarantine(const BufferConfig& config);

}  // namespace punchline
