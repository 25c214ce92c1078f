#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <optional>

#include "agent/commands/commands.h"
#include "agent/commands/progress.h"
#include "agent/host/open_buffer.h"
#include "agent/view/buffer_view.h"
#include "agent/view/quarantine_contents.h"
#include "agent/view/view_json.h"
#include "buffer/base/counted.h"
#include "buffer/lock.h"
#include "buffer/posix_file.h"
#include "buffer/wall_time.h"

namespace punchline {
namespace {

using Holder = std::optional<LockHolder>;

const char* sentence_of(Origin origin) {
  switch (origin) {
    case Origin::resumed:
      return "sound, of this boot";
    case Origin::new_boot:
      return "sound, of an earlier boot";
    case Origin::fresh:
      return "none yet; the file is of this boot";
    case Origin::unknown:
      return "none; the file is older than this boot and will be read carefully";
    case Origin::truncated:
    case Origin::copied:
    case Origin::damaged:
      break;
  }
  return "not usable: everything will be read as new";
}

void print_state(const BufferView& view) {
  std::printf("  state      %s\n", sentence_of(view.origin));
  for (const auto& warning : view.warnings) {
    std::printf("             %s\n", warning.c_str());
  }
  if (view.has_state) std::printf("  uuid       %s\n", to_string(view.state.uuid).c_str());
  std::printf("  format     %s\n", view.state.format == Format::none
                                       ? "none yet: the first record decides"
                                       : name_of(view.state.format));
  std::printf("  positions  base %" PRIu64 ", front %" PRIu64 ", end %" PRIu64,
              view.state.base.value(), view.state.front.value(),
              view.state.base.value() + view.logical_bytes);
  if (!view.fences.empty()) std::printf(", fence %" PRIu64, view.fences.back().value());
  std::printf("\n");
}

void print_cluster(const BufferView& view) {
  if (view.cluster.empty()) return;
  std::printf("  cluster    %s, by its id\n", view.cluster.c_str());
}

void print_contents(const BufferView& view) {
  std::printf("  file       %s, of which %s data, %s allocated; %s\n",
              human_bytes(view.logical_bytes).c_str(), human_bytes(view.data_bytes).c_str(),
              human_bytes(view.allocated_bytes).c_str(), counted(view.hole_count, "hole").c_str());
  std::printf("  waiting    %s, %s\n", counted(view.waiting_records, "record").c_str(),
              human_bytes(view.waiting_bytes).c_str());
  if (view.strays > 0) {
    std::printf("  below      %s, %s: written below the front by a producer that does not append\n",
                counted(view.strays, "stretch", "stretches").c_str(),
                human_bytes(view.stray_bytes).c_str());
  }
  if (is_any(view.lost)) {
    std::printf("  lost       %s: %s\n", text_of(view.lost).c_str(), kForgetLosses);
  }
  if (view.unfinished_bytes > 0) {
    std::printf("  unfinished %s: a last record that is not whole\n",
                human_bytes(view.unfinished_bytes).c_str());
  }
}

constexpr std::size_t kPrintedMax = 20;

void print_set_aside(const BufferView& view) {
  if (view.set_aside_records == 0) return;
  std::printf("  set aside  %s, %s, in place\n", counted(view.set_aside_records, "record").c_str(),
              human_bytes(view.set_aside_bytes).c_str());
  const auto printed = std::min(view.set_aside.size(), kPrintedMax);
  for (std::size_t i = 0; i < printed; ++i) {
    const auto& entry = view.set_aside[i];
    std::printf("             [%" PRIu64 ", %" PRIu64 ") %s\n", entry.range.begin.value(),
                entry.range.end.value(),
                name_of(entry.reason));
  }
  if (printed < view.set_aside_records) std::printf("             ... (all of them: --json)\n");
}

std::string text_of(const QuarantineEntry& entry) {
  const auto& label = entry.label;
  std::string text = to_string(entry.at) + "  " + utc_text(entry.timestamp_ms) + "  " +
                     name_of(label.reason);
  if (label.refusal) text += " (" + label.refusal->error + ")";
  text += ", " + std::to_string(label.bytes) + " bytes, was at position " +
          to_string(label.position);
  if (!label.topic.empty()) text += ", for topic " + label.topic;
  return text;
}

void print_entries(const BufferView& view, const std::string& path) {
  if (view.entries.empty()) return;
  std::printf("  entries    of a quarantine; 'punchline requeue %s' gives them back\n",
              path.c_str());
  const auto printed = std::min(view.entries.size(), kPrintedMax);
  for (std::size_t i = 0; i < printed; ++i)
    std::printf("             %s\n", text_of(view.entries[i]).c_str());
  if (printed < view.waiting_records) std::printf("             ... (all of them: --json)\n");
}

void print(const BufferView& view, const Holder& holder, bool held, const std::string& path) {
  std::printf("%s\n", path.c_str());
  print_state(view);
  print_cluster(view);
  print_contents(view);
  print_set_aside(view);
  print_entries(view, path);
  if (held) std::printf("  held by    %s\n", holder ? holder->text().c_str() : "another process");
  if (view.in_motion) std::printf("  in motion: the figures are of different moments\n");
  if (view.logical_bytes == 0) return;
  std::printf("\n  |%s|\n   %s\n", view.picture.line().c_str(), view.picture.legend().c_str());
}

ExitCode say(const Error& error) {
  std::fprintf(stderr, "inspect: %s\n", error.message().c_str());
  return exit_for(error);
}

}  // namespace

ExitCode command_inspect(const InspectOptions& options) {
  auto file = PosixFile::open(options.path);
  if (!file) return say(file.error());
  const auto facts = start_facts(false);
  if (!facts) return say(facts.error());
  const auto view = view_buffer(**file, *facts, Progress("inspect"));
  if (!view) return say(view.error());
  const auto held = Lock::is_held(**file);
  const auto holder = Lock::holder(**file);
  if (options.json) {
    const bool printed = print(json_of(*view, options.path, holder, held));
    return printed ? ExitCode::ok : ExitCode::io;
  }
  print(*view, holder, held, options.path);
  if (const auto quarantine = look_into_quarantine(options.path, *facts)) {
    std::printf("\n  %s\n", quarantine->text().c_str());
  }
  return std::fflush(stdout) == 0 ? ExitCode::ok : ExitCode::io;
}

}  // namespace punchline
