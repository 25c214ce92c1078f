// The part of Pipe that ends: frees and syncs what there is, and says what stays.

#include <algorithm>

#include "agent/core/pipe.h"
#include "agent/core/survey.h"

namespace punchline {

void Pipe::finish(TimePoint now) {
  if (!look_for_shrinking()) {
    refusals_.settle();
    aside_.finish(now);
    for (const auto& trouble : freer_.finish(now))
      gauges_.say(trouble, now);
    gauges_.show_now(lanes_.in_flight(), now);
    gauges_.say_the_rest(now);
  }
  look_for_rest();
}

bool Pipe::has_unread() {
  const auto any = [](ByteRange) { return true; };
  auto pass = side_pass();
  return survey(pass, feeder_.at(), {feeder_.until(), UINT64_MAX, 1}, any).records > 0;
}

// Of a file that was truncated all is new.
void Pipe::look_for_rest() {
  rest_ = {};
  const auto end = space_.end();
  if (!end) return;
  const auto from = shrunk() ? space_.base() : ledger_.front();
  auto pass = side_pass();
  const auto found = survey(pass, from, {feeder_.until()}, [this](ByteRange record) {
    return shrunk() || !ledger_.is_settled(record);
  });
  rest_ = {found.records, found.bytes, found.is_all};
  if (!rest_.is_all) rest_.bytes += *end - std::min(*end, found.read_to);
}

}  // namespace punchline
