#include "buffer/checkpoint.h"

#include <cassert>
#include <utility>

namespace punchline {

Result<StartReport> Checkpoint::start() {
  auto report = start_buffer(space_, attributes_, facts_);
  if (report) undecided_ = report->undecided;
  return report;
}

Status Checkpoint::move_front(Position front) {
  assert(front >= state().front);
  return attributes_.move_front(front);
}

Status Checkpoint::settle_format() {
  if (format() != Format::none) return {};
  const auto undecided = punchline::settle_format(space_, attributes_);
  if (!undecided) return undecided.error();
  undecided_ = *undecided;
  return {};
}

void Checkpoint::note_gap() {
  if (!state().gap_seen) attributes_.change().gap_seen = true;
}

Status Checkpoint::finish() {
  if (const auto synced = sync(); !synced) return synced;
  attributes_.change();  // so that store() makes it durable in any case
  return attributes_.store();
}

}  // namespace punchline
