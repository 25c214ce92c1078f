#include <cinttypes>
#include <cstdio>
#include <filesystem>

#include "agent/commands/commands.h"
#include "agent/commands/requeue.h"
#include "agent/host/ending_signals.h"
#include "agent/host/open_buffer.h"
#include "buffer/base/counted.h"
#include "buffer/posix_append_file.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

ExitCode fail(ExitCode code, const std::string& why) {
  std::fprintf(stderr, "requeue: %s\n", why.c_str());
  return code;
}

void print_left(std::uint64_t count, const char* why) {
  if (count > 0) std::printf("  left    %" PRIu64 " %s\n", count, why);
}

ExitCode tell_of_foreign(const Requeue::Account& account, const std::string& uuid) {
  return fail(ExitCode::config, counted(account.foreign, "entry is", "entries are") +
                                    " not of this buffer, whose UUID is " + uuid +
                                    ", but of that with UUID " + account.foreign_uuid +
                                    (account.foreign > 1 ? ", or others" : "") +
                                    ", and left (--force gives back what is left all the same)");
}

ExitCode tell(const Requeue::Account& account, const std::string& buffer, const std::string& uuid) {
  std::printf("requeued  %s to %s\n", counted(account.back, "record").c_str(), buffer.c_str());
  print_left(account.torn, "not proved whole: look at them with inspect, --force gives them back");
  print_left(account.oversize, "over record_bytes_max of the buffer: raise it, restart the agent");
  print_left(account.unfit, "with no place in the format of the buffer");
  print_left(account.damaged, "damaged in the quarantine itself");
  print_left(account.unfinished_bytes, "bytes at the end, an entry that is not all there");
  if (account.interrupted) {
    return fail(ExitCode::temporary, "interrupted: the rest stays until it is called again");
  }
  if (account.foreign > 0) return tell_of_foreign(account, uuid);
  return account.all() ? ExitCode::ok : ExitCode::data;
}

Result<std::string> uuid_of(const std::string& path) {
  const auto file = PosixFile::open(path);
  if (!file) return file.error();
  const auto stored = read_stored_state(**file);
  if (!stored) return stored.error();
  const bool sound = stored->exists && stored->decoded == Decoded::ok;
  return sound ? to_string(stored->state.uuid) : std::string();
}

/// A writer for the entries, in the format of the buffer. An empty buffer takes lines.
Result<std::unique_ptr<AppendWriter>> open_target(const std::string& path) {
  const auto file = PosixFile::open(path);
  if (!file) return file.error();
  const auto format = standing_format(**file);
  if (!format) return format.error();
  return open_append_writer(path, *format == Format::frames ? Format::frames : Format::lines);
}

}  // namespace

ExitCode command_requeue(const RequeueOptions& options, Log& log) {
  const auto path = options.buffer.empty() ? quarantined_buffer_path(options.quarantine)
                                           : std::optional(options.buffer);
  if (!path) {
    return fail(ExitCode::usage,
                options.quarantine + " does not end in .quarantine: name the buffer too");
  }
  std::error_code ignored;
  if (std::filesystem::equivalent(*path, options.quarantine, ignored)) {
    return fail(ExitCode::usage, options.quarantine + ": cannot be given back to itself");
  }
  const auto uuid = uuid_of(*path);
  if (!uuid) return fail(exit_for(uuid.error()), uuid.error().message());
  auto target = open_target(*path);
  if (!target) return fail(exit_for(target.error()), target.error().message());
  // Otherwise it would be created.
  if (const auto there = PosixFile::open(options.quarantine); !there) {
    return fail(exit_for(there.error()), there.error().message());
  }
  BufferConfig config;
  config.path = options.quarantine;
  config.record_bytes_max = kQuarantineRecordBytesMax;
  OpenBuffer opened;
  if (const auto failure = open_buffer(config, {}, log, opened)) {
    return fail(failure->exit, failure->text);
  }
  if (opened.checkpoint->format() == Format::lines) {
    return fail(ExitCode::config, options.quarantine + ": is no quarantine but a buffer in lines");
  }
  EndingSignals signals;
  const auto account = Requeue({*opened.checkpoint, opened.limits, **target, *uuid,
                                [&] { return signals.come(); }},
                               options.force)
                           .go();
  if (!account) return fail(exit_for(account.error()), account.error().message());
  return tell(*account, *path, *uuid);
}

}  // namespace punchline
