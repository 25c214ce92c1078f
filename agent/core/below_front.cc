#include "agent/core/below_front.h"

#include <algorithm>

#include "buffer/base/counted.h"
#include "buffer/base/rarely.h"

namespace punchline {
namespace {

constexpr Duration kOverwritingToldDelay = std::chrono::minutes(1);

}  // namespace

BelowFront::BelowFront(Parts parts, const BufferConfig& config, std::uint32_t owner, TimePoint now)
    : parts_(parts),
      space_(parts.checkpoint.space()),
      config_(config),
      watch_(parts.freer.strays(), now),
      pass_(space_, parts.pool, owner, &parts.envelope) {}

// In lines what is found is set aside and not sent: nobody can say what else was written there
// before.
void BelowFront::look(TimePoint now) {
  auto& shrink = parts_.shrink;
  // The bytes that are kept before the front are copied before anybody can write over them unseen.
  if (parts_.lanes.in_flight() == 0 && strays().keeps_anew()) watch_.hurry(now);
  if (shrink.has_shrunk() || !watch_.is_due(now)) return;
  look_at_waiting(now);
  const auto found = watch_.look(now);
  if (!found) return parts_.gauges.say(found.error(), now);
  if (strays().is_crossed()) return shrink.set_shrunk();  // read anew, it comes as whole lines
  if (!found->empty()) {  // or was it truncated, and appended to since?
    shrink.look(parts_.feeder.known());
    if (shrink.has_shrunk()) return;
  }
  for (const auto& stray : *found) {
    if (space_.format() == Format::frames) {
      take_stretch(stray);
    } else if (!parts_.aside.take_stray(stray.range)) {
      RARELY(true, "a stray waits until the quarantine has room");
      return;  // again when there is room
    }
    parts_.checkpoint.note_gap();
  }
  if (found->size() >= StrayWatch::kFoundMax) watch_.hurry(now);
}

// Bytes that are no frame, beside one that is on its way, may be a part of a frame that was written
// over that one. They are left to a later look.
void BelowFront::take_stretch(const Stray& stray) {
  const bool is_beside = !stray.ended && frames_.has_beside(stray.range);
  RARELY(is_beside, "strays beside a frame on its way wait");
  if (is_beside) return;
  strays().note(stray.range);
  if (stray.ended) return frames_.add(stray.range);
  frames_.add_settled(stray.range);
}

// A frame proves itself, and so is sent from where it is. Other bytes are set aside.
bool BelowFront::feed(TimePoint now) {
  const auto stretch = frames_.first();
  const bool waits = parts_.feeder.is_catching_up() || parts_.outlet.is_held();
  if (!stretch || waits || parts_.lanes.count() == 0) return false;
  pass_.restart(stretch->begin);
  const auto filled = pass_.fill(stretch->end);
  if (!filled) parts_.gauges.say(filled.error(), now);
  bool goes_on = filled && *filled != Pass::Fill::no_memory;
  if (goes_on && *filled == Pass::Fill::end_of_data && pass_no_frame(*stretch))
    frames_.pass(*stretch);
  while (goes_on && pass_.has_item(stretch->end))
    goes_on = pass_item(*stretch, now);
  pass_.drop();
  return goes_on && frames_.first().has_value();
}

// A frame can be wrong about anything, for example about where it ends. So only bytes that are done
// are touched.
bool BelowFront::pass_item(ByteRange stretch, TimePoint now) {
  const auto& item = pass_.item();
  const auto range = item.range;
  const auto inside = intersection(range, stretch);
  if (item.kind == Item::Kind::record && parts_.ledger.is_done(range)) {
    const auto& lanes = parts_.lanes;
    const auto lane = parts_.partitions.of(pass_.record());
    const bool is_free = parts_.freer.must_pause() && lanes.is_due(lane, now);  // of all others
    if (lanes.lags(lane) && !lanes.is_open(lane) && !is_free) return false;
    if (frames_.is_suspect(range) && frames_.is_offering()) return false;
    const auto checksum = strays().checksum_of(range);
    strays().note(range);
    if (!checksum || parts_.feeder.offer(pass_, lane, range.end, now) == 0) return false;
    frames_.offered(range, static_cast<std::int32_t>(lane), *checksum);
    return true;
  }
  const bool is_text = item.kind == Item::Kind::record || item.kind == Item::Kind::set_aside;
  const bool is_whole = item.reason == SetAsideReason::oversize;
  if (is_text && !(is_whole ? parts_.aside.take_stray(inside) : pass_no_frame(inside)))
    return false;
  if (!is_text) strays().forget(inside);  // NULs: what comes there has yet to be found
  frames_.pass(inside);
  pass_.skip();
  return true;
}

// If it was a frame when it was found, another may have been written over it. What is there now,
// and what is beside it, is looked for again.
bool BelowFront::pass_no_frame(ByteRange range) {
  if (frames_.is_settled(range)) return parts_.aside.take_stray(range);
  RARELY(true, "bytes below the front are no frame any more");
  strays().forget(range);
  return true;
}

bool BelowFront::take(const Delivery& delivery, TimePoint now) {
  const auto frames = frames_.take(delivery);
  for (const auto& frame : frames)
    if (!parts_.shrink.has_shrunk()) take_frame(frame, delivery, now);
  return !frames.empty() && frames.size() == delivery.records;
}

// A frame that Kafka refuses again and again is set aside, whether it was sent alone or not:
// nothing waits for it. Bytes that have taken the place of a frame meanwhile are looked at again.
void BelowFront::take_frame(const StrayFrames::Offered& frame, const Delivery& delivery,
                            TimePoint now) {
  const auto range = frame.range;
  const bool has_arrived = delivery.outcome == Outcome::persisted;
  if (has_arrived) parts_.gauges.count_stray_arrived(range);
  const bool is_sent = has_arrived && strays().checksum_of(range) == frame.checksum;
  const bool is_refused =
      delivery.outcome == Outcome::refused && !frames_.refused(range, delivery.alone);
  RARELY(has_arrived && !is_sent, "another frame took the place of one that was on its way");
  RARELY(is_refused, "a frame below the front is refused again and again");
  if (is_sent) parts_.freer.settle_stray(range, frame.checksum, now);
  if (is_sent || (is_refused && parts_.aside.take_stray(range))) return frames_.pass(range);
  frames_.add(range);
}

// A producer that starts at offset 0 again writes over records that wait, too (B6).
void BelowFront::look_at_waiting(TimePoint now) {
  const auto changed = waiting_.look(space_, parts_.ledger.front());
  if (!changed) return parts_.gauges.say(changed.error(), now);
  if (!changed->empty()) tell_of_overwriting(*changed, now);
}

// Nobody knows how far the producer went on from there.
void BelowFront::tell_of_overwriting(ByteRange range, TimePoint now) {
  RARELY(true, "B6: what waits is written over");
  parts_.losses.add(LossReason::overwritten, 0, range.size());
  if (now < overwriting_told_ + kOverwritingToldDelay) return;
  overwriting_told_ = now;
  parts_.log.error(
      "{}: written over while it waited: what was to be delivered from position {} on is gone, {} "
      "or more; a producer starts at offset 0 instead of appending: let it append "
      "(StandardOutput=append:, >>, O_APPEND)",
      config_.path, range.begin, counted(range.size(), "byte"));
}

}  // namespace punchline
