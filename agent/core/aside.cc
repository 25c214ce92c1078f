#include "agent/core/aside.h"

#include <algorithm>
#include <utility>

#include "buffer/base/rarely.h"

namespace punchline {

Aside::Aside(Parts parts, std::string topic, std::uint32_t owner)
    : parts_(parts),
      quarantine_(parts.checkpoint, parts.ledger, parts.store, std::move(topic)),
      again_(parts.checkpoint.space(), parts.pool, owner) {}

void Aside::take(const Item& item) {
  auto& ledger = parts_.ledger;
  if (ledger.is_done(item.range)) return;
  if (item.range.begin >= ledger.read_to()) {
    ledger.note_read(item.range.end);
    ledger.set_aside(item.range);
    parts_.gauges.count_set_aside(item);
  }
  quarantine_.take(item);
  if (item.reason == SetAsideReason::gap) parts_.checkpoint.note_gap();
}

bool Aside::take_refused(ByteRange range, const QuarantineLabel::Refusal& refusal) {
  const Item item{range, Item::Kind::set_aside, SetAsideReason::refused, 0, 0};
  if (!quarantine_.take(item, refusal)) return false;
  parts_.ledger.set_aside(range);
  parts_.gauges.count_refused(item, refusal.error);
  return true;
}

bool Aside::take_stray(ByteRange range) {
  const Item item{range, Item::Kind::set_aside, SetAsideReason::written_below_front, 0, 0};
  if (parts_.store != nullptr && !quarantine_.take(item)) return false;
  parts_.freer.strays().note(range);
  parts_.gauges.count_stray(item);
  return true;
}

void Aside::settle(TimePoint now) {
  take_moved(quarantine_.settle(now), now);
  look_again(now);
}

// The copies of these stretches are durable, so the stretches are done now (Q1). Room at the
// beginning of one is passed, not freed.
void Aside::take_moved(const Quarantine::Settled& settled, TimePoint now) {
  auto& freer = parts_.freer;
  for (const auto& [range, text, checksum] : settled.moved) {
    parts_.ledger.take_back(range);
    parts_.gauges.count_quarantined();
    if (freer.strays().contains(range)) {
      freer.settle_stray(range, checksum, now);
      continue;
    }
    const bool has_room = text >= range.begin + kGapBytesMin;
    if (has_room) freer.pass_room({range.begin, text}, now);
    freer.done({has_room ? text : range.begin, range.end}, now);
  }
  for (const auto& range : settled.changed)
    freer.strays().forget(range);
  if (!settled.trouble) return;
  auto trouble = Trouble::of(*settled.trouble);
  trouble.text.insert(0, "what is set aside stays in the buffer: ");
  trouble.retry = quarantine_.due() - now;
  parts_.gauges.say(trouble, now);
}

// Looks again for stretches that the quarantine could not take when they were met, one chunk a
// turn, once all that waited there has been moved. Each was counted when it was first met.
void Aside::look_again(TimePoint now) {
  const auto range = quarantine_.overlooked(now);
  if (range.empty()) return;
  again_.restart(std::max(range.begin, parts_.ledger.front()));
  const auto filled = again_.fill(range.end);
  if (!filled) {
    quarantine_.postpone(now);
    return parts_.gauges.say(filled.error(), now);
  }
  while (again_.has_item(range.end)) {
    const auto& item = again_.item();
    const bool wanted = item.kind == Item::Kind::set_aside && !parts_.ledger.is_done(item.range);
    RARELY(wanted, "a stretch that was overlooked is taken");
    if (wanted && !quarantine_.take(item)) break;
    again_.skip();
  }
  const bool over = *filled == Pass::Fill::end_of_data;
  quarantine_.looked_again(over ? range.end : again_.at());
  again_.drop();
}

}  // namespace punchline
