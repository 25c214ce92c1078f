#include "agent/core/refusals.h"

#include <utility>

#include "buffer/base/rarely.h"
#include "sinks/kafka_outcome.h"

namespace punchline {

bool Refusals::note(const Delivery& refused, TimePoint now) {
  const auto lane = static_cast<std::size_t>(refused.lane.partition);
  if (retime(refused)) {
    parts_.lanes.forgive(lane, now);
    return false;
  }
  const auto noted = judge_.note({refused.range, refused.lane.partition, refused.code});
  if (noted == RefusalJudge::Noted::no) return false;
  parts_.lanes.forgive(lane, now);
  const bool has_ended = judge_.end_blame();
  if (noted == RefusalJudge::Noted::blame) blame_topic(now);
  return has_ended;
}

bool Refusals::is_fault_of_clock(const Delivery& refused) {
  const bool is_given = parts_.space.format() != Format::lines;
  if (is_given || !is_refusal_of_time(refused.code)) return false;
  RARELY(true, "the topic refuses the time of now");
  if (judge_.blame_clock()) {
    parts_.log.error(
        "{}: topic {} refuses the time of now, which lines are sent with ({}): the clock of this "
        "machine or of the broker is wrong, or the topic allows too little; trying again until it "
        "takes them",
        config_.path, config_.topic, kafka_code_name(refused.code));
  }
  return true;
}

// If the operator wants it, a record with a time of its own is sent once more without that, before
// the lane goes on.
bool Refusals::retime(const Delivery& refused) {
  if (config_.timestamps == Timestamps::as_given || !is_refusal_of_time(refused.code)) return false;
  if (parts_.space.format() != Format::frames) return false;
  if (!parts_.envelope.retimed().add(refused.range, parts_.ledger.front())) return false;
  RARELY(true, "a record is sent again with the time of now");
  if (!std::exchange(retiming_told_, true)) {
    parts_.log.warning("{}: topic {} refuses the time of the record at position {}: it and others "
                       "like it are sent with the time of now, their own in the header {}",
                       config_.path, config_.topic, refused.range.begin, kTimestampHeader);
  }
  return true;
}

// If the topic now takes a record that it refused, all of the refused ones come again, in order.
void Refusals::note_arrival(const Delivery& arrived, TimePoint now) {
  auto& lanes = parts_.lanes;
  const auto from = judge_.unjudged() > 0 ? judge_.first_unjudged().range.begin : Position(0);
  const auto heard = judge_.arrived(arrived.range, arrived.records, lanes.lagging() > 0);
  if (heard != RefusalJudge::Heard::acquitted) return;
  RARELY(true, "a topic takes what it has refused");
  for (std::size_t lane = 0; lane < lanes.count(); ++lane)
    lanes.leave_behind(lane, from, now);
}

// Records that an earlier run delivered, between others that it had to leave in place, speak for
// the topic as well.
void Refusals::note_done_before(const Item& item) {
  constexpr std::uint64_t kFreedMin = 64;  // blank lines are shorter
  const bool is_new = item.range.begin >= parts_.ledger.read_to();
  if (is_new && item.range.size() >= kFreedMin) judge_.arrived_before();
}

bool Refusals::judge_at_end(TimePoint now) {
  if (judge_.judge_by_rate()) blame_topic(now);
  return judge_.blames_topic();
}

void Refusals::blame_topic(TimePoint now) {
  if (!judge_.blame(now)) return;
  RARELY(true, "a topic is blamed for refusals");
  parts_.log.error(
      "{}: topic {} refuses each record it is given, {} so far ({}): taken for a fault of its "
      "settings, nothing {}of that is set aside; trying again until it takes them",
      config_.path, config_.topic, judge_.unjudged(), kafka_code_name(judge_.first_unjudged().code),
      judge_.any_refused() ? "more " : "");
}

void Refusals::settle() {
  for (; judge_.has_condemned(); judge_.pop_condemned()) {
    const auto [range, partition, code] = judge_.first_condemned();
    RARELY(parts_.ledger.is_done(range), "a condemned record was delivered meanwhile");
    if (parts_.ledger.is_done(range)) continue;
    if (!parts_.aside.take_refused(range, {partition, code, kafka_code_name(code)})) return;
  }
}

}  // namespace punchline
