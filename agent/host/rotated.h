#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/core/config.h"
#include "agent/core/log.h"
#include "agent/host/folder.h"
#include "agent/host/last_look.h"
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

/// A file beside a buffer that is something to it, or the folder, where that cannot be listed.
struct FoundBeside {
  std::string path;
  std::optional<FileId> id;  ///< Of the file that was judged; nothing where none could be seen.
  Verdict verdict = Verdict::other;
  std::string why = {};  ///< It is closed, or unknown.
};

/// Oldest first; what is nothing to the buffer is left out.
std::vector<FoundBeside> find_rotated(const BufferConfig& config, const Config& all,
                                      const Result<LastLook>& seen);

/// Whether find_rotated() would find `file`, which was a buffer, by the name that it has now.
bool is_looked_for(const std::string& new_path, PosixFile& file, const BufferConfig& config);

/// Of those that are to be named, with the command that takes each in.
void tell_of_archives(const BufferConfig& config, const std::vector<FoundBeside>& found, Log& log);

/// The buffer's name without its folder, as it is noted on the file.
std::string name_of_buffer(const BufferConfig& config);
/// So that the file is known again under another name. Who forwards a rotated file `by_hand`
/// leaves it to the buffer that it was. Errors: `no_space`, `unsupported`, `io`.
Status note_name(const BufferConfig& config, bool by_hand, PosixFile& file);
/// Of another buffer, whose lock file is its own too: by dead_letter_topic, or forwarded apart.
bool is_quarantine(const BufferConfig& config);

}  // namespace punchline
