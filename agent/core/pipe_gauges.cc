#include "agent/core/pipe_gauges.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "buffer/base/counted.h"
#include "buffer/quarantine.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Duration kShowDelay = 1s;
constexpr Duration kNoRoomToldDelay = 5min;
constexpr int kSegmentsCountedMax = 1000;

// Bytes that are written over while they wait may become more records than were read.
std::uint64_t without(const Figure& read, std::uint64_t settled,
                      const std::array<Figure, kSetAsideReasons>& set_aside) {
  for (const auto& each : set_aside)
    settled += each.get();
  return read.get() - std::min(read.get(), settled);
}

std::string remedy(SetAsideReason reason, const BufferConfig& config) {
  switch (reason) {
    case SetAsideReason::torn:
      return "a crash or a dying writer left it, and it cannot be proved whole";
    case SetAsideReason::spans_fence:
      return "it was begun before a crash or an I/O error and ended after it";
    case SetAsideReason::gap:
      return "a producer writes without O_APPEND: open the buffer with >> or O_APPEND";
    case SetAsideReason::oversize:
      return fmt::format("it is longer than record_bytes_max, {}", config.record_bytes_max);
    case SetAsideReason::damaged:
      return "it is no sound frame";
    case SetAsideReason::written_below_front:
      return "a producer writes where everything was done already, as from offset 0: let it append "
             "(StandardOutput=append:, >>, O_APPEND)";
    case SetAsideReason::refused:  // the destination says why
    case SetAsideReason::none:
      break;
  }
  return "";
}

}  // namespace

PipeGauges::PipeGauges(Parts parts, const BufferConfig& config, TimePoint now)
    : parts_(parts),
      config_(config),
      path_(config.path),
      in_flight_(parts.metrics.records_in_flight),
      waiting_(parts.metrics.waiting_bytes),
      logical_(parts.metrics.logical_bytes),
      data_(parts.metrics.data_bytes),
      allocated_(parts.metrics.allocated_bytes),
      show_due_(now),
      troubles_(parts.log, config.path) {}

void PipeGauges::count_read(ByteRange range, std::size_t records) {
  parts_.metrics.records_read.add(parts_.losses.new_records(records));
  parts_.metrics.bytes_read.add(parts_.losses.new_bytes(range.size()));
}

void PipeGauges::count_set_aside(const Item& item) {
  count_read(item.range, 1);
  note_set_aside(item, remedy(item.reason, config_));
}

void PipeGauges::count_again(ByteRange record) {
  parts_.metrics.records_read.add(1);
  parts_.metrics.bytes_read.add(record.size());
}

void PipeGauges::count_stray(const Item& item) {
  count_again(item.range);
  note_set_aside(item, remedy(item.reason, config_));
}

void PipeGauges::count_stray_arrived(ByteRange frame) {
  count_again(frame);
  if (std::exchange(stray_frames_told_, true)) return;
  parts_.log.warning(
      "{}: frame at {} ({} bytes) delivered, written_below_front: {}; so are others like it", path_,
      frame.begin, frame.size(), remedy(SetAsideReason::written_below_front, config_));
}

void PipeGauges::count_refused(const Item& item, const std::string& error) {
  note_set_aside(item, "to this one alone Kafka answers " + error);
}

void PipeGauges::note_set_aside(const Item& item, const std::string& why) {
  parts_.metrics.set_aside(item.reason, 1, item.range.size());
  ++set_aside_records_;
  if (const auto sentence = notes_.note(item, why)) {
    say_set_aside(*sentence + "; it is kept in " + keeping_place(item) + ", and the rest goes on");
  }
}

// A copy that fails is reported as a trouble of its own.
std::string PipeGauges::keeping_place(const Item& item) const {
  if (config_.is_quarantine) return "its place";
  const auto elsewhere = quarantine_path(path_);
  if (item.range.size() <= kQuarantinedBytesMax) return elsewhere;
  return elsewhere + ", or in its place where it is too large for a copy";
}

void PipeGauges::say_set_aside(const std::optional<std::string>& sentence) {
  if (sentence) parts_.log.warning("{}: {}", path_, *sentence);
}

void PipeGauges::count_dropped(ByteRange range) {
  parts_.losses.add(LossReason::dropped, 1, range.size());
  dropped_ = dropped_records_++ == 0 ? range : cover(dropped_, range);
}

void PipeGauges::tell_of_dropped() {
  if (dropped_records_ == 0) return;
  parts_.log.warning("{}: full: {} dropped between positions {} and {}", path_,
                     counted(dropped_records_, "record"), dropped_.begin, dropped_.end);
  dropped_records_ = 0;
}

// Holes cost nothing, but a file has an end: 16 TiB on ext4.
void PipeGauges::look_at_size(std::uint64_t size) {
  if (size < size_told_from_) return;
  while (size >= size_told_from_)
    size_told_from_ *= 2;
  parts_.log.warning(
      "{}: its logical size is {} GiB, {} GiB of it data, and it is not collapsed ({}); ext4 ends "
      "at "
      "16 TiB, where appends fail: before that, stop the producers, let it drain, and move it away",
      path_, size >> 30, data_.get() >> 30,
      parts_.checkpoint.state().gap_seen ? "a producer without O_APPEND was here"
                                         : "the filesystem cannot, or it holds too much data");
}

// With drop_oldest the stretches set aside in place do not count: they do not go away by dropping
// records that could be delivered.
void PipeGauges::look_at_limit(const Data& data) {
  if (config_.bytes_max == 0) return;
  const bool drops = config_.when_full == WhenFull::drop_oldest;
  const auto data_bytes = data.bytes - (drops ? data.set_aside_bytes : 0);
  over_limit_bytes_ = data_bytes - std::min(data_bytes, config_.bytes_max);
  const bool over = data_bytes > config_.bytes_max;
  if (over == over_limit_told_) return;
  over_limit_told_ = over;
  static constexpr std::array kThen = {"it grows on", "append waits",
                                       "the oldest records are dropped"};
  if (over) {
    const std::string aside = data_bytes < data.bytes ? " beside what is set aside in it" : "";
    parts_.log.warning("{}: holds {} bytes{}, over bytes_max {}: {}", path_, data_bytes, aside,
                       config_.bytes_max, kThen.at(static_cast<std::size_t>(config_.when_full)));
  } else {
    parts_.log.info("{}: below bytes_max again", path_);
  }
}

void PipeGauges::count_confirmed(const Delivery& delivery) {
  parts_.metrics.records_confirmed.add(delivery.records);
  parts_.metrics.bytes_confirmed.add(delivery.range.size());
}

void PipeGauges::say(const Trouble& trouble, TimePoint now) {
  parts_.metrics.storage_errors.add(1);
  troubles_.met(trouble, now);
}

void PipeGauges::say(const Error& error, TimePoint now) {
  say(Trouble::of(error), now);
}

void PipeGauges::say_no_room(const Error& refusal, std::uint64_t unfreed_bytes, TimePoint now) {
  if (now < no_room_due_) return;
  no_room_due_ = now + kNoRoomToldDelay;
  const bool is_quota = refusal.code() == EDQUOT;
  parts_.log.error(
      "{}: {} that Kafka has cannot be freed, as {}: {}; what waits is delivered all the same, and "
      "what is not freed comes again after a restart",
      path_, counted(unfreed_bytes, "byte"),
      is_quota ? "the quota that the file counts for is used up, and freeing takes room first"
               : "its filesystem is full, and freeing takes room first",
      is_quota ? "raise its limit (btrfs qgroup limit, xfs_quota, setquota), or remove other files "
                 "that count for it"
               : "make some room there");
}

bool PipeGauges::show(std::uint64_t in_flight, TimePoint now) {
  show_counts(in_flight);
  show_waiting();
  say_set_aside(notes_.due(now));
  troubles_.tell_of_ends(now);
  return now >= show_due_ && show_now(in_flight, now);
}

std::uint64_t PipeGauges::unsettled_records() const {
  const auto& metrics = parts_.metrics;
  return without(metrics.records_read, metrics.records_confirmed.get() + metrics.records_gone(),
                 metrics.records_set_aside);
}

std::uint64_t PipeGauges::unsettled_bytes() const {
  const auto& metrics = parts_.metrics;
  return without(metrics.bytes_read, metrics.bytes_confirmed.get() + metrics.bytes_gone(),
                 metrics.bytes_set_aside);
}

void PipeGauges::show_counts(std::uint64_t in_flight) {
  auto& metrics = parts_.metrics;
  metrics.records_unsettled.set(unsettled_records());
  metrics.bytes_unsettled.set(unsettled_bytes());
  in_flight_.set(in_flight);
  const auto freed = parts_.freer.freed_bytes();
  metrics.bytes_freed.add(freed - std::exchange(freed_bytes_, freed));
  metrics.front.set(parts_.ledger.front().value());
  metrics.base.set(parts_.space.base().value());
}

bool PipeGauges::show_now(std::uint64_t in_flight, TimePoint now) {
  show_counts(in_flight);
  show_due_ = now + kShowDelay;
  const auto facts = parts_.space.file().facts();
  if (!facts) return false;
  const auto end = parts_.space.base() + facts->size;
  const auto front = parts_.ledger.front();
  if (end < front) return false;  // truncated: what it holds is for another pipe to show
  const bool grown = end != std::exchange(end_, end);
  tail_age_.note(end, now);
  show_waiting();  // first: a reader that has seen the size asks how much of it waits
  logical_.set(facts->size);
  allocated_.set(facts->allocated_bytes);
  const auto data = data_from(front, *facts);
  data_.set(data.bytes);
  look_at_size(facts->size);
  look_at_limit(data);
  tell_of_dropped();
  if (waiting_.get() == 0) return grown;
  const auto since = tail_age_.since(parts_.ledger.first_waiting());
  show_age(since ? std::chrono::duration_cast<std::chrono::milliseconds>(now - *since) : 0ms);
  return grown;
}

// The oldest of all counts. A greater age is shown at once, a smaller one only if the age shown was
// ours.
void PipeGauges::show_age(std::chrono::milliseconds age) {
  auto& oldest = parts_.metrics.oldest_unconfirmed_ms;
  const auto ours = static_cast<std::uint64_t>(std::exchange(age_, age).count());
  const auto now = static_cast<std::uint64_t>(age.count());
  if (now > oldest.get() || oldest.get() == ours) oldest.set(now);
}

// Computed from the end that was seen last, which is at most a second old.
void PipeGauges::show_waiting() {
  waiting_.set(parts_.ledger.waiting_bytes(room_.end == end_ ? room_.begin : end_));
  if (waiting_.get() == 0) show_age(0ms);
}

// Counts from the block of `from` on. If there are very many segments, the allocated bytes must do.
PipeGauges::Data PipeGauges::data_from(Position from, const FileFacts& facts) {
  auto& space = parts_.space;
  const auto end = space.base() + facts.size;
  auto at = whole_blocks({space.base(), from}, facts.block_bytes).end;
  Data found;
  for (int segment = 0; segment < kSegmentsCountedMax; ++segment) {
    const auto data = space.next_data(at);
    if (!data || !*data || **data >= end) return found;
    const auto hole = space.next_hole(**data);
    if (!hole) return found;
    const ByteRange held{**data, std::min(*hole, end)};
    found.bytes += held.size();
    found.set_aside_bytes += set_aside_in(held);
    at = *hole;
  }
  found.bytes = std::max(facts.allocated_bytes, found.set_aside_bytes);
  return found;
}

std::uint64_t PipeGauges::set_aside_in(ByteRange segment) const {
  std::uint64_t bytes = 0;
  const auto& set_aside = parts_.ledger.aside();
  auto aside = set_aside.next(segment.begin);
  while (aside && aside->begin < segment.end) {
    bytes += intersection(*aside, segment).size();
    aside = set_aside.next(aside->end);
  }
  return bytes;
}

}  // namespace punchline
