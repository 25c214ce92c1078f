#include <cinttypes>
#include <cstdio>
#include <memory>

#include "agent/commands/commands.h"
#include "agent/commands/progress.h"
#include "agent/host/open_buffer.h"
#include "agent/view/verify.h"
#include "agent/view/view_json.h"
#include "buffer/quarantine.h"

namespace punchline {
namespace {

Result<BufferView> view(PosixFile& file) {
  const auto facts = start_facts(false);
  if (!facts) return facts.error();
  return view_buffer(file, *facts, Progress("verify"));
}

/// Empty if there is no quarantine.
Result<std::optional<BufferView>> view_quarantine(const std::string& buffer_path) {
  auto file = PosixFile::open(quarantine_path(buffer_path));
  if (!file && file.error().kind() == ErrorKind::not_found) return std::optional<BufferView>{};
  if (!file) return file.error();
  auto seen = view(**file);
  if (!seen) return seen.error();
  return std::optional(std::move(*seen));
}

nlohmann::ordered_json json_of(const std::vector<VerifyFinding>& findings) {
  auto json = nlohmann::ordered_json::array();
  for (const auto& finding : findings)
    json.push_back({{"damage", finding.damage}, {"text", finding.text}});
  return json;
}

void print_account(const BufferView& view, const std::string& path) {
  std::printf("%s\n", path.c_str());
  std::printf("  bytes      %" PRIu64 " below the front or collapsed, %" PRIu64 " waiting, %" PRIu64
              " nothing, %" PRIu64 " set aside, %" PRIu64 " unfinished\n",
              view.state.front.value(), view.waiting_bytes, view.nothing_bytes, view.set_aside_bytes,
              view.unfinished_bytes);
  std::printf("  records    %" PRIu64 " waiting, %" PRIu64 " set aside in place\n",
              view.waiting_records, view.set_aside_records);
}

ExitCode say(const Error& error) {
  std::fprintf(stderr, "verify: %s\n", error.message().c_str());
  return exit_for(error);
}

}  // namespace

ExitCode command_verify(const InspectOptions& options) {
  auto file = PosixFile::open(options.path);
  if (!file) return say(file.error());
  const auto buffer = view(**file);
  if (!buffer) return say(buffer.error());
  const auto quarantine = view_quarantine(options.path);
  if (!quarantine) return say(quarantine.error());
  const auto findings = verify(*buffer, *quarantine);
  const bool sound = is_sound(findings);
  if (options.json) {
    const auto held = Lock::is_held(**file);
    auto json = json_of(*buffer, options.path, Lock::holder(**file), held);
    json["sound"] = sound;
    json["findings"] = json_of(findings);
    if (!print(json)) return ExitCode::io;
  } else {
    print_account(*buffer, options.path);
    for (const auto& finding : findings)
      std::printf("  %s  %s\n", finding.damage ? "damage   " : "note     ", finding.text.c_str());
    std::printf("%s\n", sound ? "sound" : "damaged");
    if (std::fflush(stdout) != 0) return ExitCode::io;
  }
  return sound ? ExitCode::ok : ExitCode::damaged;
}

}  // namespace punchline
