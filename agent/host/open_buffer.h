#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/core/config.h"
#include "agent/core/exit_code.h"
#include "agent/core/freer.h"
#include "agent/core/log.h"
#include "agent/view/quarantine_contents.h"
#include "buffer/checkpoint.h"
#include "buffer/lock.h"
#include "buffer/posix_file.h"
#include "buffer/probe.h"
#include "buffer/reserve_file.h"

namespace punchline {

/// One buffer, ready to be worked on: created if missing, fit for use, locked, its state settled.
///
/// Owns the file, the lock and the checkpoint, and destroys them in the right order.
struct OpenBuffer {
  std::unique_ptr<PosixFile> file;
  std::unique_ptr<Lock> lock;
  std::unique_ptr<Checkpoint> checkpoint;
  FreerLimits limits;           ///< Chosen for its filesystem.
  std::unique_ptr<ReserveFile> reserve;  ///< For freeing without room; else nullptr.
  std::uint64_t lost_bytes = 0;  ///< StartReport::lost_bytes.
  bool is_named = false;         ///< note_name() has succeeded.
};

/// Why a buffer could not be opened, and how the program ends because of it.
struct OpenFailure {
  ExitCode exit;
  std::string text;  ///< Names the path.
};

/// What the machine says now about boot and clock, with a fresh UUID.
Result<StartFacts> start_facts(bool force_fence);

/// How a buffer is to be opened.
struct Opening {
  bool force_fence = false;
  /// Makes one attempt at the lock, to be repeated with the same request. nullptr: waits until it
  /// is clear who has it, which takes seconds if its holder can be seen only in the attribute.
  LockRequest* request = nullptr;
  /// Another file than the configured one, which was the buffer before. Not created if missing.
  std::string path = {};
  bool by_hand = false;  ///< As for note_name().
};

/// Puts in place everything that is needed before the first record is read (in this order: lock,
/// state, fence, writing). Logs what it found. A failure loses nothing: at most a new empty file was
/// made, or the state and its fence were stored as at any start.
std::optional<OpenFailure> open_buffer(const BufferConfig& config, const Opening& opening, Log& log,
                                       OpenBuffer& opened);

/// What earlier runs have set aside beside this buffer, for somebody to look at. Empty if it goes
/// on to a topic by itself.
std::optional<QuarantineContents> set_aside_before(const BufferConfig& config);

/// Settles the state again, of a file that was truncated under us, and logs that if there is a log.
/// The old checkpoint must change nothing afterwards. Errors as Checkpoint::start().
Result<std::unique_ptr<Checkpoint>> settle_again(const BufferConfig& config, PosixFile& file,
                                                 Log* log);

/// What happens to a file whose rest is saved: it stays as it is, or it will be gone at once, so
/// that its blocks can be given to the copy.
enum class Source : std::uint8_t { kept, given_up };

/// Saves what is above the front of a buffer, durably, in a new buffer at `path` (`path`-2 and so
/// on if there is a file already). The copy will be read carefully, with the fences at the same
/// places between its bytes. Holes are cut to a block. Returns its path. After an error the copy is
/// removed, but not with Source::given_up: what it holds by then is nowhere else.
Result<std::string> save_rest(Checkpoint& checkpoint, const std::string& path,
                              const BufferConfig& config, Source source);

/// The warning, for the log, about what forgetful_folder() has found.
std::string forgotten_quarantine(const std::string& buffer, const std::string& filesystem);

/// The path at which the rest of a deleted buffer is saved.
std::string orphan_path(const std::string& buffer, const std::string& uuid);

/// The command that forwards it, for the log.
std::string how_to_forward(const std::string& orphan, const BufferConfig& config);

/// Logs each copy that an earlier run has saved of a buffer of this name, if something is left in
/// it.
void tell_of_orphans(const BufferConfig& config, Log& log);

}  // namespace punchline
