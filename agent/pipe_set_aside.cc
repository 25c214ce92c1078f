// The part of Pipe that goes on without what cannot be delivered.

#include <algorithm>
#include <utility>

#include "agent/pipe.h"
#include "sinks/kafka_outcome.h"

namespace punchline {

void Pipe::set_aside(const Item& item) {
  if (ledger_.is_done(item.range)) return;
  gauges_.count_set_aside(item);
  quarantine_.take(item);
  if (item.reason == SetAsideReason::gap) parts_.checkpoint.note_gap();
}

// A chunk a turn, once all that waited has been moved. Each was counted when it was first met.
void Pipe::look_back(TimePoint now) {
  const auto range = quarantine_.overlooked(now);
  if (range.empty()) return;
  looking_back_.restart(std::max(range.begin, ledger_.front()));
  const auto filled = looking_back_.fill(range.end);
  if (!filled) {
    quarantine_.postpone(now);
    return gauges_.say(filled.error(), now);
  }
  while (looking_back_.has_item(range.end)) {
    const auto& item = looking_back_.item();
    const bool wanted = item.kind == Item::Kind::set_aside && !ledger_.is_done(item.range);
    if (wanted && !quarantine_.take(item)) break;
    looking_back_.skip();
  }
  const bool over = *filled == Pass::Fill::end_of_data;
  quarantine_.looked_again(over ? range.end : looking_back_.at());
  looking_back_.drop();
}

// A record that the destination refuses whenever it comes alone. It stays where it is, and its lane
// waits, if too many are: then the fault is the topic's, not theirs.
void Pipe::judge(const Delivery& refused, TimePoint now) {
  const auto name = kafka_code_name(refused.code);
  if (!refusal_rate_.may_refuse()) {
    if (std::exchange(all_refused_, true)) return;
    return parts_.log.error(
        "{}: topic {} refuses more than {} of {} records ({}): taken for a fault of its settings, "
        "nothing more is set aside; trying again until it takes them",
        config_.path, config_.topic, RefusalRate::kRefusedMax, RefusalRate::kRecords, name);
  }
  all_refused_ = false;
  const Item item{refused.range, Item::Kind::set_aside, SetAsideReason::refused, 0, 0};
  if (!quarantine_.take(item, {{refused.lane.partition, refused.code, name}})) return;
  gauges_.count_refused(item, name);
  lanes_.forgive(static_cast<std::size_t>(refused.lane.partition), now);
}

// What an earlier run has delivered, between records that it had to leave in place, speaks for the
// topic as well.
void Pipe::note_nothing(const Item& item) {
  constexpr std::uint64_t kFreedMin = 64;  // blank lines are shorter
  const bool is_new = item.range.begin >= gauges_.high_water();
  if (is_new && item.range.size() >= kFreedMin) refusal_rate_.arrived_before();
}

// Nothing of it is to be offered.
bool Pipe::is_settled(ByteRange range) const {
  return ledger_.is_done(range) || quarantine_.holds(range);
}

void Pipe::settle_quarantine(const Quarantine::Settled& settled, TimePoint now) {
  for (const auto& [range, text] : settled.moved) {
    gauges_.count_quarantined(range);
    if (text >= range.begin + kGapBytesMin) ledger_.pass_room({range.begin, text}, now);
    ledger_.done(range, now);
  }
  if (!settled.trouble) return;
  gauges_.say({"what is set aside stays in the buffer: " + settled.trouble->message(),
               settled.trouble->kind() == ErrorKind::no_space},
              now);
}

}  // namespace punchline
