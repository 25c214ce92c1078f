#include "agent/commands/checklist.h"

#include <cstdio>
#include <system_error>

#include <grp.h>

#include "agent/host/open_buffer.h"
#include "buffer/lock.h"
#include "buffer/posix_file.h"
#include "buffer/probe.h"
#include "buffer/quarantine.h"
#include "buffer/state.h"

namespace punchline {
namespace {

void check_state(PosixFile& file, Checklist& list) {
  const auto bytes = file.attribute(kStateAttribute);
  if (!bytes || !*bytes) return;  // without attributes or without a state yet: run can deal with it
  State state;
  switch (decode(**bytes, state)) {
    case Decoded::ok:
      return list.yes(file.path() + ": its state can be read; everything below position " +
                      to_string(state.front) + " is done");
    case Decoded::damaged:
      return list.note(file.path() + ": its state is damaged; run would begin at its start again");
    case Decoded::newer_version:
      return list.no(ExitCode::config,
                     file.path() + ": its state was written by a later version of this program");
  }
}

void check_lock(const PosixFile& file, Checklist& list) {
  if (!Lock::is_held(file)) return list.yes(file.path() + ": nobody else works on it");
  const auto holder = Lock::holder(file);
  list.no(ExitCode::temporary,
          file.path() + ": is locked by " + (holder ? holder->text() : "another process"));
}

void check_file(PosixFile& file, Checklist& list) {
  const auto facts = file.facts();
  if (!facts) return list.no(ExitCode::io, facts.error().message());
  list.yes(file.path() + ": is a regular file of " + std::to_string(facts->size) +
           " bytes and occupies " + std::to_string(facts->allocated_bytes));
  if (const auto opened = file.open_for_writing(); !opened) {
    list.no(exit_for(opened.error()), opened.error().message());
  } else {
    list.yes(file.path() + ": can be opened for writing");
  }
  check_state(file, list);
  check_lock(file, list);
}

// A capability that run can do without is only noted.
void check_capability(const std::string& what, const Capability& capability, bool needed,
                      Checklist& list) {
  const auto text = what + ' ' + capability.sentence;
  if (capability.works()) return list.yes(text);
  if (needed && capability.missing()) return list.no(ExitCode::config, text);
  list.note(text);
}

void check_creation(const BufferConfig& config, Checklist& list) {
  const auto& group = config.group;
  const bool is_number = group.find_first_not_of("0123456789") == std::string::npos;
  if (is_number || getgrnam(group.c_str()) != nullptr) {
    return list.yes(config.path + ": does not exist; run would create it");
  }
  list.no(ExitCode::config, config.path + ": there is no group named " + group);
}

// Without a quarantine, what is set aside would stay in the buffer, in the way of freeing. True if
// that is reported.
bool no_quarantine(const BufferConfig& config, const Error& probed, Checklist& list) {
  if (config.is_quarantine || probed.kind() != ErrorKind::denied) return false;
  const auto path = quarantine_path(config.path);
  const auto file = PosixFile::open(path);
  if (file || file.error().kind() != ErrorKind::not_found) return false;
  list.no(exit_for(probed),
          path + " cannot be created: " + std::generic_category().message(probed.code()));
  return true;
}

// A quarantine that exists must be writable, as more will be appended to it.
void check_quarantine_file(const BufferConfig& config, Checklist& list) {
  if (config.is_quarantine || !config.dead_letter_topic.empty()) return;
  const auto file = PosixFile::open(quarantine_path(config.path));
  const auto opened = file ? (*file)->open_for_writing() : file.error();
  if (opened || opened.error().kind() == ErrorKind::not_found) return;
  list.no(exit_for(opened.error()), opened.error().message());
}

void check_filesystem(const BufferConfig& config, const PosixFile* file, Checklist& list) {
  const auto& path = config.path;
  const auto beside = probe_folder(folder_of(path));
  if (!beside && file != nullptr && no_quarantine(config, beside.error(), list)) return;
  const bool is_alone = file != nullptr && is_mounted_alone(*file);
  const auto probe = is_alone ? probe_file(*file) : beside;
  if (!probe && file != nullptr) {
    return list.note(path + ": its filesystem cannot be tried out: " + probe.error().message());
  }
  if (!probe) {
    return list.no(exit_for(probe.error()),
                   path + ": cannot be created: " + probe.error().message());
  }
  if (file == nullptr) check_creation(config, list);
  list.yes(path + ": lies on " + probe->filesystem + ", " +
           std::to_string(probe->free_bytes >> 20) + " MiB free");
  check_capability(path + ": punching holes", probe->punch, true, list);
  if (!probe->appends.works()) check_capability(path + ": appends", probe->appends, true, list);
  check_capability(path + ": finding holes", probe->holes, false, list);
  check_capability(path + ": keeping attributes", probe->attributes, false, list);
  check_capability(path + ": collapsing ranges", probe->collapse, false, list);
  if (file == nullptr || config.is_quarantine) return;
  if (const auto forgets = forgetful_folder(*file))
    list.note(path + ": " + forgotten_quarantine(path, *forgets));
}

}  // namespace

void Checklist::yes(const std::string& text) {
  print("yes ", text);
}
void Checklist::note(const std::string& text) {
  print("note", text);
}
void Checklist::no(ExitCode code, const std::string& text) {
  if (code_ == ExitCode::ok) code_ = code;
  print("no  ", text);
}

void Checklist::print(const char* word, const std::string& text) {
  std::printf("%s  %s\n", word, text.c_str());
}

void check_buffer(const BufferConfig& config, Checklist& list) {
  const auto file = PosixFile::open(config.path);
  if (!file && file.error().kind() != ErrorKind::not_found) {
    return list.no(exit_for(file.error()), file.error().message());
  }
  if (file) check_file(**file, list);
  check_filesystem(config, file ? file->get() : nullptr, list);
  check_quarantine_file(config, list);
  if (const auto kept = set_aside_before(config)) list.note(kept->text());
}

}  // namespace punchline
