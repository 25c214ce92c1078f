#include "agent/core/truncation.h"

#include <algorithm>

#include "agent/core/pass.h"
#include "agent/core/survey.h"
#include "buffer/base/counted.h"

namespace punchline {

bool Truncation::look_when_due(TimePoint now) {
  if (!parts_.shrink.is_due(now)) return parts_.shrink.has_shrunk();
  parts_.shrink.note_look(now);
  return look();
}

bool Truncation::look() {
  parts_.shrink.look(parts_.feeder.known());
  tell();
  return parts_.shrink.has_shrunk();
}

void Truncation::tell() {
  if (!parts_.shrink.tells()) return;
  const auto bytes = parts_.ledger.undone_bytes(parts_.shrink.gone());
  if (bytes == 0) return;
  parts_.losses.expect(LossReason::truncated, 0, bytes);
  parts_.log.warning(
      "{}: truncated while up to {} waited: told what is gone of it as soon as Kafka has reported "
      "what is on its way",
      config_.path, counted(bytes, "byte"));
}

void Truncation::give_up(LossReason reason) {
  auto& feeder = parts_.feeder;
  auto& gauges = parts_.gauges;
  parts_.losses.settle_expected();
  const auto gone = gone_for(reason);
  const auto bytes = parts_.ledger.undone_bytes(gone);
  const auto stay = gone.begin > parts_.ledger.front() ? records_left(gone.begin) : 0;
  if (bytes > 0) {
    const auto read_to = parts_.ledger.read_to();
    if (gone.end > read_to) feeder.count_read({std::max(gone.begin, read_to), gone.end}, 0);
    const auto read = gauges.unsettled_records();
    const auto records = read - std::min(read, stay);
    parts_.losses.add(reason, records, bytes);
    parts_.log.error(
        "{}: {} with data in it that was not delivered: {}{} from position {} on are gone{}{}",
        config_.path, name_of(reason), parts_.shrink.is_at_most() ? "up to " : "",
        counted(bytes, "byte"), gone.begin,
        records > 0 ? fmt::format(", {} of them read", counted(records, "record")) : "",
        parts_.lanes.in_flight() > 0 ? "; what is on its way to Kafka may still arrive" : "");
  }
  parts_.losses.set_read_again(gauges.unsettled_records(), gauges.unsettled_bytes());
}

ByteRange Truncation::gone_for(LossReason reason) const {
  if (reason != LossReason::deleted) return parts_.shrink.gone();
  const auto front = parts_.ledger.front();
  const auto end = parts_.space.end();
  return {front, std::max(front, end ? *end : parts_.feeder.at())};
}

// The number of undelivered records before `until` that were read. They are not gone: they come
// again.
std::uint64_t Truncation::records_left(Position until) {
  const auto end = std::min(until, parts_.ledger.read_to());
  const auto is_left = [this](ByteRange record) { return !parts_.feeder.is_settled(record); };
  Pass pass(parts_.space, parts_.pool, owner_);
  return survey(pass, parts_.ledger.front(), {end}, is_left).records;
}

}  // namespace punchline
