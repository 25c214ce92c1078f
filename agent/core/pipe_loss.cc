// The part of Pipe that sees what was taken away from under it, and says what is lost by that.

#include <algorithm>
#include <array>
#include <span>

#include "agent/core/pipe.h"
#include "buffer/base/counted.h"
#include "buffer/lines.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr Duration kLookDelay = std::chrono::seconds(1);
constexpr Duration kReportsWaitedFor = std::chrono::seconds(2);
constexpr std::uint64_t kLeftReadMax = 64 << 20;

}  // namespace

bool Pipe::has_shrunk(TimePoint now) {
  if (shrunk_ || (!unlooked_ && now < shrink_look_due_)) return shrunk_;
  unlooked_ = false;
  shrink_look_due_ = now + kLookDelay;
  return look_for_shrinking();
}

// Looked at before anything is remembered or freed: in a file that was truncated the same positions
// are other records.
bool Pipe::look_for_shrinking() {
  const auto end = space_.end();
  if (shrunk_ || !end) return shrunk_;
  const auto begins = parts_.checkpoint.may_begin_at(main_.at());
  if (!begins) return false;
  shrunk_ = *end < std::max(end_seen_, main_.at()) || !*begins;
  if (shrunk_) note_truncation(*end);
  end_seen_ = may_end_with_room(*end) ? main_.at() : *end;
  if (room_.end == *end) end_seen_ = room_.begin;
  return shrunk_;
}

// Where it has not been read yet nobody knows how much of it is room, which its producer may cut off.
bool Pipe::may_end_with_room(Position end) {
  std::array<char, 16> last{};
  if (end < std::max(end_seen_ + kGapBytesMin, space_.base() + last.size())) return false;
  const auto read = space_.read_at(end - last.size(), last);
  return read && *read > 0 && leading_nuls(std::span(last).first(*read)) == *read;
}

// Where it has grown again it is not known from where on it is another's; and of what came and went
// between two looks nothing is.
void Pipe::note_truncation(Position end) {
  const auto end_before = std::max(end_seen_, main_.at());
  gone_at_most_ = end >= end_before;
  const auto from = gone_at_most_ ? ledger_.front() : std::max(ledger_.front(), end);
  gone_ = {from, std::max(from, end_before)};
  const auto bytes = ledger_.undone_bytes(gone_);
  if (bytes == 0) return;
  parts_.losses.expect(LossReason::truncated, 0, bytes);
  parts_.log.warning("{}: truncated while up to {} waited: told what is gone of it as soon as Kafka "
                     "has reported what is on its way",
                     config_.path, counted(bytes, "byte"));
}

bool Pipe::is_due_anew(TimePoint now) {
  if (!shrunk_) return false;
  if (!shrunk_at_) shrunk_at_ = now;
  return lanes_.in_flight() == 0 || now >= *shrunk_at_ + kReportsWaitedFor;
}

void Pipe::give_up(LossReason reason) {
  parts_.losses.settle_expected();
  if (reason == LossReason::deleted) {
    const auto end = space_.end();
    gone_ = {ledger_.front(), std::max(ledger_.front(), end ? *end : main_.at())};
  }
  const auto bytes = ledger_.undone_bytes(gone_);
  const auto stay = gone_.begin > ledger_.front() ? records_left() : 0;
  if (bytes > 0) {
    if (gone_.end > ledger_.read_to()) {
      count_read({std::max(gone_.begin, ledger_.read_to()), gone_.end}, 0);
    }
    const auto read = gauges_.unsettled_records();
    const auto records = read - std::min(read, stay);
    parts_.losses.add(reason, records, bytes);
    parts_.log.error(
        "{}: {} with data in it that was not delivered: {}{} from position {} on are gone{}{}",
        config_.path, name_of(reason), gone_at_most_ ? "up to " : "", counted(bytes, "byte"),
        gone_.begin,
        records > 0 ? fmt::format(", {} of them read", counted(records, "record")) : "",
        lanes_.in_flight() > 0 ? "; what is on its way to Kafka may still arrive" : "");
  }
  parts_.losses.set_read_again(gauges_.unsettled_records(), gauges_.unsettled_bytes());
}

// Of those that were read, below what is gone: they come again.
std::uint64_t Pipe::records_left() {
  auto& pass = dropping_;
  std::uint64_t records = 0;
  pass.restart(ledger_.front());
  const auto end = std::min({gone_.begin, ledger_.read_to(), pass.at() + kLeftReadMax});
  while (pass.at() < end) {
    const auto filled = pass.fill(end);
    if (!filled || *filled == Pass::Fill::end_of_data || *filled == Pass::Fill::no_memory) break;
    for (; pass.has_item(end); pass.skip()) {
      const auto& item = pass.item();
      if (item.kind == Item::Kind::record && !is_settled(item.range)) ++records;
    }
  }
  pass.drop();
  return records;
}

}  // namespace punchline
