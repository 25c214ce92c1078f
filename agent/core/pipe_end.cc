// The part of Pipe that ends: frees and syncs what there is, and says what stays.

#include <algorithm>

#include "agent/core/pipe.h"

namespace punchline {
namespace {

constexpr std::uint64_t kRestReadMax = 64 << 20;

}  // namespace

void Pipe::finish(TimePoint now) {
  if (!look_for_shrinking(now)) {
    set_condemned_aside();
    settle_quarantine(quarantine_.finish(now), now);
    for (const auto& trouble : freer_.finish(now))
      gauges_.say(trouble, now);
    gauges_.show_now(lanes_.in_flight(), now);
    gauges_.say_the_rest(now);
  }
  look_for_rest();
}

bool Pipe::has_unread() {
  bool found = false;
  dropping_.restart(main_.at());
  while (!found) {
    const auto filled = dropping_.fill(until_);
    if (!filled || *filled == Pass::Fill::end_of_data || *filled == Pass::Fill::no_memory) break;
    for (; !found && dropping_.has_item(until_); dropping_.skip())
      found = dropping_.item().kind == Item::Kind::record;
  }
  dropping_.drop();
  return found;
}

// Of a file that was truncated all is new.
void Pipe::look_for_rest() {
  rest_ = {};
  const auto end = space_.end();
  if (!end) return;
  auto& pass = dropping_;
  pass.restart(shrunk() ? space_.base() : ledger_.front());
  const auto read_until = pass.at() + kRestReadMax;
  for (;;) {
    const auto filled = pass.fill(until_);
    if (filled && *filled == Pass::Fill::end_of_data) break;
    if (!filled || *filled == Pass::Fill::no_memory || pass.at() >= read_until) {
      rest_.is_all = false;
      break;
    }
    for (; pass.has_item(until_); pass.skip())
      count_rest(pass.item());
  }
  if (!rest_.is_all) rest_.bytes += *end - std::min(*end, pass.at());
  pass.drop();
}

void Pipe::count_rest(const Item& item) {
  if (item.kind != Item::Kind::record) return;
  if (!shrunk() && ledger_.is_settled(item.range)) return;
  ++rest_.records;
  rest_.bytes += item.range.size();
}

}  // namespace punchline
