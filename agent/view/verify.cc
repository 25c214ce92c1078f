#include "agent/view/verify.h"

#include <algorithm>
#include <utility>

#include "buffer/base/counted.h"

namespace punchline {
namespace {

using Findings = std::vector<VerifyFinding>;

bool is_damage(SetAsideReason reason) {
  return reason != SetAsideReason::oversize && reason != SetAsideReason::refused;
}

void judge_state(const BufferView& view, Findings& findings) {
  const bool fits = view.origin != Origin::truncated && view.origin != Origin::copied &&
                    view.origin != Origin::damaged;
  for (const auto& warning : view.warnings)
    findings.push_back({!fits, warning});
  if (!view.fences_sound) {
    findings.push_back({true, "the attribute with the fences does not check"});
  }
  if (!view.has_state && fits) findings.push_back({false, "no state yet: nothing is confirmed"});
}

// Records that were dropped because the operator chose so are no damage.
void judge_losses(const Losses& lost, Findings& findings) {
  auto chosen = lost;
  auto others = lost;
  for (std::size_t i = 0; i < kLossReasons; ++i)
    (static_cast<LossReason>(i) == LossReason::dropped ? others : chosen)[i] = {};
  for (const auto& [losses, damage] : {std::pair(others, true), std::pair(chosen, false)}) {
    if (!is_any(losses)) continue;
    findings.push_back({damage, "lost: " + text_of(losses) + ": " + kForgetLosses});
  }
}

void judge_contents(const BufferView& view, Findings& findings) {
  for (std::size_t i = 1; i < kSetAsideReasons; ++i) {
    const auto count = view.set_aside_by_reason[i];
    if (count == 0) continue;
    const auto reason = static_cast<SetAsideReason>(i);
    findings.push_back({is_damage(reason), counted(count, "stretch", "stretches") +
                                               " cannot be delivered: " + name_of(reason)});
  }
  if (view.strays > 0) {
    findings.push_back({true, counted(view.strays, "stretch", "stretches") + " (" +
                                  counted(view.stray_bytes, "byte") +
                                  ") written below the front: a producer does not append"});
  }
  judge_losses(view.lost, findings);
  if (view.unfinished_bytes > 0) {
    findings.push_back({false, counted(view.unfinished_bytes, "byte") +
                                   " at the end are no whole record yet"});
  }
  const auto end = view.state.base + view.logical_bytes;
  const auto seen = view.state.front + view.waiting_bytes + view.nothing_bytes +
                    view.set_aside_bytes + view.unfinished_bytes + view.room_bytes;
  if (!view.in_motion && seen != end) {
    findings.push_back({true, "what was read ends at position " + to_string(seen) +
                                  ", the file at " + to_string(end)});
  }
}

void judge_quarantine(const BufferView& view, Findings& findings) {
  if (view.waiting_records > 0) {
    findings.push_back({false, counted(view.waiting_records, "entry", "entries") +
                                   " in the quarantine: see requeue"});
  }
  if (view.set_aside_records > 0) {
    findings.push_back({true, counted(view.set_aside_records, "stretch", "stretches") +
                                  " of the quarantine are damaged themselves"});
  }
  if (view.state.format == Format::lines) {
    findings.push_back({true, "the quarantine is not in format frames"});
  }
}

}  // namespace

std::vector<VerifyFinding> verify(const BufferView& buffer,
                                  const std::optional<BufferView>& quarantine) {
  Findings findings;
  judge_state(buffer, findings);
  judge_contents(buffer, findings);
  if (quarantine) judge_quarantine(*quarantine, findings);
  return findings;
}

bool is_sound(const std::vector<VerifyFinding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const auto& finding) { return finding.damage; });
}

}  // namespace punchline
