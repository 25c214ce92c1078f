// The part of Pipe that keeps what was written where everything was done, or sends it from there.

#include <algorithm>
#include <utility>

#include "agent/core/pipe.h"
#include "buffer/base/counted.h"

namespace punchline {
namespace {

constexpr Duration kOverwritingToldDelay = std::chrono::minutes(1);

}  // namespace

// In lines nobody can say what else was written there before; see buffer/FORMAT.md, "Below the
// front".
void Pipe::look_below(TimePoint now) {
  // A copy of what is kept before the front is made before anybody can write over it unseen.
  if (lanes_.in_flight() == 0 && freer_.strays().keeps_anew()) stray_watch_.hurry(now);
  if (shrunk() || !stray_watch_.is_due(now)) return;
  look_at_waiting(now);
  const auto strays = stray_watch_.look(now);
  if (!strays) return gauges_.say(strays.error(), now);
  if (freer_.strays().is_crossed()) {
    shrink_.set_shrunk();  // begun anew, whole lines come out of it
    return;
  }
  if (!strays->empty() && look_for_shrinking()) return;  // truncated, and appended to since
  for (const auto& stray : *strays) {
    if (space_.format() == Format::frames) {
      take_stretch(stray);
    } else if (!aside_.take_stray(stray.range)) {
      return;  // when there is room
    }
    parts_.checkpoint.note_gap();
  }
  if (strays->size() >= StrayWatch::kFoundMax) stray_watch_.hurry(now);
}

// What is no frame may be a part of one that has come over another which is on its way.
void Pipe::take_stretch(const Stray& stray) {
  if (!stray.ended && stray_frames_.has_beside(stray.range)) return;
  freer_.strays().note(stray.range);
  if (stray.ended) return stray_frames_.add(stray.range);
  stray_frames_.add_settled(stray.range);
}

// A frame proves itself, and so is sent from where it stands; what is none is set aside. True:
// there is more to do at once.
bool Pipe::feed_strays(TimePoint now) {
  const auto stretch = stray_frames_.first();
  if (!stretch || catching_up_ || outlet_.is_held() || lanes_.count() == 0) return false;
  own_.restart(stretch->begin);
  const auto filled = own_.fill(stretch->end);
  if (!filled) gauges_.say(filled.error(), now);
  bool goes_on = filled && *filled != Pass::Fill::no_memory;
  if (goes_on && *filled == Pass::Fill::end_of_data && pass_no_frame(*stretch)) {
    stray_frames_.pass(*stretch);
  }
  while (goes_on && own_.has_item(stretch->end))
    goes_on = pass_stray(*stretch, now);
  own_.drop();
  return goes_on && stray_frames_.first().has_value();
}

// What a frame is wrong about, as where it ends, may be anything: only what is done is touched.
bool Pipe::pass_stray(ByteRange stretch, TimePoint now) {
  const auto& item = own_.item();
  const auto range = item.range;
  const auto inside = intersection(range, stretch);
  if (item.kind == Item::Kind::record && ledger_.is_done(range)) {
    const auto lane = partitions_.of(own_.record());
    const bool is_free = freer_.must_pause() && lanes_.is_due(lane, now);  // of all others
    if (lanes_.lags(lane) && !lanes_.is_open(lane) && !is_free) return false;
    if (stray_frames_.is_suspect(range) && stray_frames_.is_offering()) return false;
    const auto checksum = freer_.strays().checksum_of(range);
    freer_.strays().note(range);
    if (!checksum || offer(own_, lane, range.end, now) == 0) return false;
    stray_frames_.offered(range, static_cast<std::int32_t>(lane), *checksum);
    return true;
  }
  const bool is_text = item.kind == Item::Kind::record || item.kind == Item::Kind::set_aside;
  const bool is_whole = item.reason == SetAsideReason::oversize;
  if (is_text && !(is_whole ? aside_.take_stray(inside) : pass_no_frame(inside))) return false;
  if (!is_text) freer_.strays().forget(inside);  // NULs: what comes there is yet to be found
  stray_frames_.pass(inside);
  own_.skip();
  return true;
}

// Where it was a frame when it was found, another may have come over it: what it is now, with what
// stands beside it, is looked for again.
bool Pipe::pass_no_frame(ByteRange range) {
  if (stray_frames_.is_settled(range)) return aside_.take_stray(range);
  freer_.strays().forget(range);
  return true;
}

// True: all of it was sent from below the front.
bool Pipe::take_strays(const Delivery& delivery, TimePoint now) {
  const auto frames = stray_frames_.take(delivery);
  for (const auto& frame : frames)
    if (!shrunk()) take_stray(frame, delivery, now);
  return !frames.empty() && frames.size() == delivery.records;
}

// What Kafka refuses again and again is set aside, be it alone or not: nothing waits for it. What
// has come in the place of a frame meanwhile is looked at again.
void Pipe::take_stray(const StrayFrames::Offered& frame, const Delivery& delivery, TimePoint now) {
  const auto range = frame.range;
  const bool has_arrived = delivery.outcome == Outcome::persisted;
  if (has_arrived) gauges_.count_stray_arrived(range);
  const bool is_sent = has_arrived && freer_.strays().checksum_of(range) == frame.checksum;
  const bool is_refused =
      delivery.outcome == Outcome::refused && !stray_frames_.refused(range, delivery.alone);
  if (is_sent) freer_.settle_stray(range, frame.checksum, now);
  if (is_sent || (is_refused && aside_.take_stray(range))) return stray_frames_.pass(range);
  stray_frames_.add(range);
}

// Who starts at offset 0 again writes over what waits as well.
void Pipe::look_at_waiting(TimePoint now) {
  const auto changed = waiting_.look(space_, ledger_.front());
  if (!changed) return gauges_.say(changed.error(), now);
  if (!changed->empty()) tell_of_overwriting(*changed, now);
}

// How far it went on from there nobody knows.
void Pipe::tell_of_overwriting(ByteRange range, TimePoint now) {
  parts_.losses.add(LossReason::overwritten, 0, range.size());
  if (now < overwriting_told_ + kOverwritingToldDelay) return;
  overwriting_told_ = now;
  parts_.log.error(
      "{}: written over while it waited: what was to be delivered from position {} on is gone, {} "
      "or more; a producer starts at offset 0 instead of appending: let it append "
      "(StandardOutput=append:, >>, O_APPEND)",
      config_.path, range.begin, counted(range.size(), "byte"));
}

// No line begins where one did: that of a producer which began at offset 0 goes across. And below the
// front, where all is done, nobody knows any more where a fence stood.
Result<Pass::Fill> Pipe::fill(Pass& pass, Position until) {
  if (!pass.has_item(until)) {
    if (pass.at() < ledger_.front()) pass.restart(ledger_.front());
    const auto begins = parts_.checkpoint.may_begin_at(pass.at());
    if (!begins) return begins.error();
    if (!*begins) shrink_.set_shrunk();
    if (shrunk()) return Pass::Fill::moved;
  }
  return pass.fill(until);
}

}  // namespace punchline
