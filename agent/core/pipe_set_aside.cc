// The part of Pipe that goes on without what cannot be delivered.

#include <algorithm>
#include <utility>

#include "agent/core/pipe.h"
#include "sinks/kafka_outcome.h"

namespace punchline {

void Pipe::set_aside(const Item& item) {
  if (ledger_.is_done(item.range)) return;
  if (item.range.begin >= ledger_.read_to()) {
    ledger_.note_read(item.range.end);
    ledger_.set_aside(item.range);
    gauges_.count_set_aside(item);
  }
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

// A record that the destination refuses whenever it comes alone stays where it is for now, and the
// lane goes on: whose fault it is shows when another one arrives.
void Pipe::note_refused(const Delivery& refused, TimePoint now) {
  if (retime(refused)) return lanes_.forgive(static_cast<std::size_t>(refused.lane.partition), now);
  const auto noted = judge_.note({refused.range, refused.lane.partition, refused.code});
  if (noted == RefusalJudge::Noted::no) return;
  lanes_.forgive(static_cast<std::size_t>(refused.lane.partition), now);
  if (judge_.end_blame()) tail_.leave();  // what has come since has its turn
  if (noted == RefusalJudge::Noted::blame) blame_topic(now);
}

// Lines go with the time of now: where that is refused they wait, and go with a later one.
bool Pipe::is_fault_of_clock(const Delivery& refused) {
  const bool is_given = space_.format() != Format::lines;
  if (is_given || !is_refusal_of_time(refused.code)) return false;
  if (judge_.blame_clock()) {
    parts_.log.error(
        "{}: topic {} refuses the time of now, which lines are sent with ({}): the clock of this "
        "machine or of the broker is wrong, or the topic allows too little; trying again until it "
        "takes them",
        config_.path, config_.topic, kafka_code_name(refused.code));
  }
  return true;
}

// Where the operator wants it: what has a time of its own goes once more without it, and before the
// lane goes on.
bool Pipe::retime(const Delivery& refused) {
  if (config_.timestamps == Timestamps::as_given || !is_refusal_of_time(refused.code)) return false;
  if (space_.format() != Format::frames) return false;
  if (!envelope_.retimed().add(refused.range, ledger_.front())) return false;
  if (!std::exchange(retiming_told_, true)) {
    parts_.log.warning("{}: topic {} refuses the time of the record at position {}: it and others "
                       "like it are sent with the time of now, their own in the header {}",
                       config_.path, config_.topic, refused.range.begin, kTimestampHeader);
  }
  return true;
}

// What the topic refused it takes now: all of it comes again, in order.
void Pipe::hear_arrival(const Delivery& arrived, TimePoint now) {
  const auto from = judge_.unjudged() > 0 ? judge_.first_unjudged().range.begin : Position(0);
  const auto heard = judge_.arrived(arrived.range, arrived.records, lanes_.lagging() > 0);
  if (heard != RefusalJudge::Heard::acquitted) return;
  for (std::size_t lane = 0; lane < lanes_.count(); ++lane)
    lanes_.leave_behind(lane, from, now);
}

void Pipe::judge_at_end(TimePoint now) {
  const bool at_end = tail_.is_quiet() && lanes_.in_flight() == 0 && lanes_.lagging() == 0;
  if (at_end && judge_.judge_by_rate()) blame_topic(now);
}

// A few at a time where the quarantine cannot keep up.
void Pipe::set_condemned_aside() {
  for (; judge_.has_condemned(); judge_.pop_condemned()) {
    const auto [range, partition, code] = judge_.first_condemned();
    if (ledger_.is_done(range)) continue;
    const auto name = kafka_code_name(code);
    const Item item{range, Item::Kind::set_aside, SetAsideReason::refused, 0, 0};
    if (!quarantine_.take(item, {{partition, code, name}})) return;
    ledger_.set_aside(range);
    gauges_.count_refused(item, name);
  }
}

void Pipe::blame_topic(TimePoint now) {
  end_own_pass();
  main_.drop();
  if (!judge_.blame(now)) return;
  parts_.log.error(
      "{}: topic {} refuses each record it is given, {} so far ({}): taken for a fault of its "
      "settings, nothing {}of that is set aside; trying again until it takes them",
      config_.path, config_.topic, judge_.unjudged(), kafka_code_name(judge_.first_unjudged().code),
      judge_.any_refused() ? "more " : "");
}

// The first of what was refused, alone: if it arrives now, the topic has been mended.
Pipe::Fed Pipe::probe_topic(TimePoint now) {
  while (judge_.unjudged() > 0 && ledger_.is_done(judge_.first_unjudged().range))
    judge_.forget(judge_.first_unjudged().range);
  if (judge_.unjudged() == 0) {
    judge_.end_blame();
    return Fed::more;
  }
  if (lanes_.in_flight() > 0 || now < judge_.probe_due()) return Fed::waiting;
  const auto range = judge_.first_unjudged().range;
  own_.restart(range.begin);
  const auto filled = fill(own_, range.end);
  if (!filled) gauges_.say(filled.error(), now);
  if (filled && *filled == Pass::Fill::items && own_.item().kind == Item::Kind::record) {
    const auto lane = partitions_.of(own_.record());
    if (offer(own_, lane, range.end, now) > 0) {
      parts_.metrics.records_resent.add(1);
      judge_.probed(now);
    }
  }
  own_.drop();
  return Fed::waiting;
}

// What an earlier run has delivered, between records that it had to leave in place, speaks for the
// topic as well.
void Pipe::note_nothing(const Item& item) {
  constexpr std::uint64_t kFreedMin = 64;  // blank lines are shorter
  const bool is_new = item.range.begin >= ledger_.read_to();
  if (is_new && item.range.size() >= kFreedMin) judge_.arrived_before();
}

// Nothing of it is to be offered.
bool Pipe::is_settled(ByteRange range) const {
  return ledger_.is_settled(range) || judge_.holds(range);
}

void Pipe::settle_quarantine(const Quarantine::Settled& settled, TimePoint now) {
  for (const auto& [range, text, checksum] : settled.moved) {
    ledger_.take_back(range);
    gauges_.count_quarantined();
    if (freer_.strays().contains(range)) {
      freer_.settle_stray(range, checksum, now);
      continue;
    }
    const bool has_room = text >= range.begin + kGapBytesMin;
    if (has_room) freer_.pass_room({range.begin, text}, now);
    freer_.done({has_room ? text : range.begin, range.end}, now);
  }
  for (const auto& range : settled.changed)
    freer_.strays().forget(range);
  if (!settled.changed.empty()) stray_watch_.hurry(now);
  if (!settled.trouble) return;
  auto trouble = Trouble::of(*settled.trouble);
  trouble.text.insert(0, "what is set aside stays in the buffer: ");
  trouble.retry = quarantine_.due() - now;
  gauges_.say(trouble, now);
}

}  // namespace punchline
