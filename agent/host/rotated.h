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

/// Finds the files beside a buffer that were the buffer, before somebody rotated it while no agent
/// ran (buffer/FORMAT.md, "Rotated by hand").
///
/// A buffer is not to be rotated; but if it was, nothing of it is to be lost in silence. A file
/// that an agent has had is known by its attributes: they hold its state, or the buffer's name. A
/// file that no agent has ever had is taken in only if its name and its birth leave no doubt;
/// otherwise it is named to the operator. Looks into the buffer's folder, and changes nothing there
/// except an attribute of the lock file: when an agent last made sure that nothing is left there.

/// A file beside a buffer that has to do with it, or the folder, if that cannot be listed.
struct FoundBeside {
  std::string path;
  std::optional<FileId> id;  ///< Of the file that was judged; empty if none could be seen.
  Verdict verdict = Verdict::other;
  std::string why = {};  ///< Why it is `closed` or `unknown`.
  bool is_empty = false;  ///< Nothing of it is left, but records may still come.
};

/// Oldest first, without files that have nothing to do with the buffer.
std::vector<FoundBeside> find_rotated(const BufferConfig& config, const Config& all,
                                      const Result<LastLook>& seen);

/// Whether find_rotated() would find `file`, which was a buffer, by the name that it has now.
bool is_looked_for(const std::string& new_path, PosixFile& file, const BufferConfig& config);

/// Logs those that are to be named, with the command that takes each in.
void tell_of_archives(const BufferConfig& config, const std::vector<FoundBeside>& found, Log& log);

/// The buffer's name without its folder, as it is noted on the file.
std::string name_of_buffer(const BufferConfig& config);
/// Notes the buffer's name on the file, so that it is known under another name. A rotated file that
/// is forwarded `by_hand` keeps the name of the buffer that it was. If no agent has ever had it,
/// the buffer that it may have been is noted after its own name. Errors: `busy` if it has another
/// name noted and is not delivered yet; `no_space`, `unsupported`, `io`.
Status note_name(const BufferConfig& config, bool by_hand, PosixFile& file);
/// It is the quarantine of another buffer, with which it shares the lock file: because of
/// dead_letter_topic, or forwarded by itself.
bool is_quarantine(const BufferConfig& config);

}  // namespace punchline
