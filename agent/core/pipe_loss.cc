// The part of Pipe that sees what was taken away from under it, and says what is lost by that.

#include <algorithm>

#include "agent/core/pipe.h"
#include "agent/core/survey.h"
#include "buffer/base/counted.h"

namespace punchline {

bool Pipe::has_shrunk(TimePoint now) {
  if (!shrink_.is_due(now)) return shrunk();
  shrink_.note_look(now);
  return look_for_shrinking();
}

bool Pipe::look_for_shrinking() {
  shrink_.look(feeder_.known());
  tell_of_truncation();
  return shrunk();
}

void Pipe::tell_of_truncation() {
  if (!shrink_.tells()) return;
  const auto bytes = ledger_.undone_bytes(shrink_.gone());
  if (bytes == 0) return;
  parts_.losses.expect(LossReason::truncated, 0, bytes);
  parts_.log.warning(
      "{}: truncated while up to {} waited: told what is gone of it as soon as Kafka has reported "
      "what is on its way",
      config_.path, counted(bytes, "byte"));
}

void Pipe::give_up(LossReason reason) {
  parts_.losses.settle_expected();
  const auto front = ledger_.front();
  auto gone = shrink_.gone();
  if (reason == LossReason::deleted) {
    const auto end = space_.end();
    gone = {front, std::max(front, end ? *end : feeder_.at())};
  }
  const auto bytes = ledger_.undone_bytes(gone);
  const auto stay = gone.begin > front ? records_left(gone.begin) : 0;
  if (bytes > 0) {
    if (gone.end > ledger_.read_to()) {
      feeder_.count_read({std::max(gone.begin, ledger_.read_to()), gone.end}, 0);
    }
    const auto read = gauges_.unsettled_records();
    const auto records = read - std::min(read, stay);
    parts_.losses.add(reason, records, bytes);
    parts_.log.error(
        "{}: {} with data in it that was not delivered: {}{} from position {} on are gone{}{}",
        config_.path, name_of(reason), shrink_.is_at_most() ? "up to " : "", counted(bytes, "byte"),
        gone.begin,
        records > 0 ? fmt::format(", {} of them read", counted(records, "record")) : "",
        lanes_.in_flight() > 0 ? "; what is on its way to Kafka may still arrive" : "");
  }
  parts_.losses.set_read_again(gauges_.unsettled_records(), gauges_.unsettled_bytes());
}

// Of those that were read, below what is gone: they come again.
std::uint64_t Pipe::records_left(Position until) {
  const auto end = std::min(until, ledger_.read_to());
  const auto is_left = [this](ByteRange record) { return !feeder_.is_settled(record); };
  auto pass = side_pass();
  return survey(pass, ledger_.front(), {end}, is_left).records;
}

}  // namespace punchline
