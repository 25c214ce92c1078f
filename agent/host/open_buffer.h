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

/// One buffer, ready to be worked on: created where missing, fit, locked, its state settled.
///
/// Owns the file, the lock and the checkpoint; they go in the right order when it goes.
struct OpenBuffer {
  std::unique_ptr<PosixFile> file;
  std::unique_ptr<Lock> lock;
  std::unique_ptr<Checkpoint> checkpoint;
  FreerLimits limits;           ///< As the filesystem likes it.
  std::unique_ptr<ReserveFile> reserve;  ///< Where freeing may want room; else nullptr.
  std::uint64_t lost_bytes = 0;  ///< StartReport::lost_bytes.
  bool is_named = false;         ///< note_name() has succeeded.
};

/// Why a buffer could not be opened, and how the program ends because of it.
struct OpenFailure {
  ExitCode exit;
  std::string text;  ///< Names the path.
};

/// What the machine says now, with a fresh UUID.
Result<StartFacts> start_facts(bool force_fence);

/// How a buffer is to be opened.
struct Opening {
  bool force_fence = false;
  /// One attempt at the lock, to be repeated with the same request; nullptr: wait until it is clear
  /// who has it, which takes seconds where its holder can be seen in the attribute alone.
  LockRequest* request = nullptr;
  /// Another file than the configured one, which was that; not made where it is missing.
  std::string path = {};
  bool by_hand = false;  ///< As for note_name().
};

/// Everything that must be in place before the first record is read (in this order: lock, state,
/// fence, writing). Logs what it found. On failure nothing has been changed but a new empty file,
/// and the version of its state.
std::optional<OpenFailure> open_buffer(const BufferConfig& config, const Opening& opening, Log& log,
                                       OpenBuffer& opened);

/// What an earlier run has set aside beside this buffer, for somebody to look at; nothing where it
/// goes on to a topic by itself.
std::optional<QuarantineContents> set_aside_before(const BufferConfig& config);

/// Settles the state again, in a file that was truncated under us, and tells so where there is a
/// log. The old checkpoint must change nothing after it. Errors as Checkpoint::start().
Result<std::unique_ptr<Checkpoint>> settle_again(const BufferConfig& config, PosixFile& file,
                                                 Log* log);

/// What becomes of a file whose rest is saved: it stays as it is, or will be gone at once, so that
/// its blocks can be given to the copy.
enum class Source : std::uint8_t { kept, given_up };

/// Saves what is above the front of a buffer in a new one at `path` (`path`-2 and so on where
/// there is a file already), durably: to be read carefully, with the fences where they were between
/// its bytes. Holes are cut to a block. Returns its path. Errors: given up, what is in the copy by
/// then stays there, since it is nowhere else.
Result<std::string> save_rest(Checkpoint& checkpoint, const std::string& path,
                              const BufferConfig& config, Source source);

/// What there is to say of forgetful_folder().
std::string forgotten_quarantine(const std::string& buffer, const std::string& filesystem);

/// Where what a deleted buffer held is saved.
std::string orphan_path(const std::string& buffer, const std::string& uuid);

/// The command, for the log.
std::string how_to_forward(const std::string& orphan, const BufferConfig& config);

/// Says of each copy that an earlier run has saved of a buffer of this name, and that holds
/// something still.
void tell_of_orphans(const BufferConfig& config, Log& log);

}  // namespace punchline
