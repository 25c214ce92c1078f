#include "agent/core/quarantine.h"

#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "buffer/base/rarely.h"
#include "buffer/crc32c.h"
#include "buffer/lines.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr std::size_t kWaitingMax = 4096;
constexpr std::size_t kBytesPerTurnMax = 4 << 20;
constexpr Duration kRetryDelay = std::chrono::seconds(1);
constexpr Duration kSyncDelayMax = std::chrono::minutes(1);

/// The first byte of `range` that is not NUL, or its end. Holes are skipped: that of a gap may be
/// far larger than the line after it.
Result<Position> first_text(Space& space, ByteRange range) {
  std::array<char, 16 * 1024> piece;
  for (auto at = range.begin; at < range.end;) {
    const auto read = space.read_at(at, piece);
    if (!read) return read.error();
    if (*read == 0) break;
    const auto bytes = std::span(piece).first(*read);
    const auto nuls = leading_nuls(bytes);
    if (nuls < bytes.size()) return at + nuls;
    at += *read;
    const auto data = space.next_data(at);
    if (!data) return data.error();
    at = std::max(at, data->value_or(range.end));
  }
  return range.end;
}

/// The end of the last NULs that may be room, into which their producer may still write. 0 if there
/// are none.
std::size_t behind_room(std::string_view bytes) {
  auto text = bytes.size();
  while (text > 0) {
    const auto nul = bytes.rfind('\0', text - 1);
    if (nul == std::string_view::npos) break;
    const auto before = bytes.find_last_not_of('\0', nul);  // npos + 1 is 0
    if (nul - before >= kGapBytesMin) return nul + 1;
    text = before + 1;
  }
  return 0;
}

}  // namespace

/// The checksum of a stray is taken now, since its producer may write over it before it is copied.
bool Quarantine::take(const Item& item, std::optional<QuarantineLabel::Refusal> refusal) {
  if (ledger_.holds(item.range)) return true;
  if (store_ == nullptr && refusal && ledger_.held_ranges() < kWaitingMax) {
    ledger_.hold(item.range);
    return true;
  }
  if (store_ == nullptr) return false;
  if (waiting_.size() == kWaitingMax) {
    RARELY(!refusal, "the quarantine overlooks a stretch, too many wait");
    RARELY(refusal.has_value(), "a refused record waits until the quarantine has room");
    if (!refusal) overlook(item.range);
    return false;
  }
  Waiting entry{item.range, item.reason, std::move(refusal)};
  if (item.reason == SetAsideReason::written_below_front) {
    const auto content = read(entry);
    if (!content) return false;
    entry.checksum = crc32c(content->bytes);
  }
  waiting_.push_back(std::move(entry));
  ledger_.hold(item.range);
  return true;
}

void Quarantine::overlook(ByteRange range) {
  overlooked_ = overlooked_.empty() ? range : cover(overlooked_, range);
}

ByteRange Quarantine::overlooked(TimePoint now) const {
  return waiting_.empty() && now >= due_ ? overlooked_ : ByteRange{};
}

void Quarantine::looked_again(Position until) {
  overlooked_.begin = std::min(until, overlooked_.end);
}

void Quarantine::postpone(TimePoint now) {
  due_ = now + std::max(kRetryDelay, sync_delay_);
}

// A copy counts only once it has been synced (Q1). After a failed sync none of this turn's copies
// is trusted: all of them are made again (Q2).
Quarantine::Settled Quarantine::settle(TimePoint now) {
  Settled settled;
  if (!has_work(now)) return settled;
  std::size_t seen = 0;
  std::vector<ByteRange> too_large;
  for (std::size_t bytes = 0; seen < waiting_.size() && bytes < kBytesPerTurnMax; ++seen) {
    const auto copied = copy(waiting_[seen], settled, too_large);
    if (!copied) {
      settled.trouble = copied.error();
      break;
    }
    bytes += *copied;
  }
  if (!settled.moved.empty()) {
    const auto synced = store_->sync();
    sync_delay_ = synced ? Duration{} : std::clamp(2 * sync_delay_, kRetryDelay, kSyncDelayMax);
    RARELY(!synced, "Q2: copies that were not synced are made again");
    if (!synced) {
      settled.trouble = synced.error();
      settled.moved.clear();
      settled.changed.clear();
      seen = 0;
    }
  }
  for (; seen > 0; --seen) {
    ledger_.release(waiting_.front().range);
    waiting_.pop_front();
  }
  // Stretches that are too large for a copy stay in place. They are held: a refused record would be
  // offered again if it were forgotten.
  if (ledger_.held_ranges() < kWaitingMax) {
    for (const auto& range : too_large)
      ledger_.hold(range);
  }
  if (settled.trouble) postpone(now);
  return settled;
}

Quarantine::Settled Quarantine::finish(TimePoint now) {
  Settled all;
  due_ = now;
  while (!waiting_.empty() && now >= due_) {
    const auto some = settle(now);
    all.moved.insert(all.moved.end(), some.moved.begin(), some.moved.end());
    all.changed.insert(all.changed.end(), some.changed.begin(), some.changed.end());
    all.trouble = some.trouble;
  }
  return all;
}

QuarantineLabel Quarantine::label_of(const Waiting& entry) const {
  const auto& state = checkpoint_.state();
  return {entry.reason,      state.format,       to_string(state.uuid), topic_,
          entry.range.begin, entry.range.size(), entry.refusal};
}

Result<Quarantine::Content> Quarantine::read(const Waiting& entry) const {
  auto kept = entry.range;
  if (!is_whole(label_of(entry))) {
    const auto text = first_text(space_, kept);
    if (!text) return text.error();
    kept.begin = *text;
  }
  Content content{kept.begin, {}};
  if (kept.size() > kQuarantinedBytesMax) return content;
  content.bytes.resize(kept.size());
  const auto got = space_.read_at(kept.begin, content.bytes);
  if (!got) return got.error();
  if (*got < content.bytes.size()) {
    return Error(ErrorKind::io, 0, space_.path() + ": ends before what was set aside in it");
  }
  return content;
}

Result<std::uint64_t> Quarantine::copy(const Waiting& entry, Settled& settled,
                                       std::vector<ByteRange>& too_large) {
  const auto content = read(entry);
  if (!content) return content.error();
  const auto& bytes = content->bytes;
  const auto checksum = crc32c(bytes);
  if (entry.checksum && *entry.checksum != checksum) {
    RARELY(true, "a stray was written over before it was copied");
    settled.changed.push_back(entry.range);
    return 0;
  }
  if (bytes.empty()) {
    RARELY(true, "a stretch is too large for a copy, or empty");
    too_large.push_back(entry.range);
    return 0;
  }
  const auto label = label_of(entry);
  const auto added = store_->add(label, content_of(label, bytes));
  if (!added) return added.error();
  // Text that is written into the room meanwhile is found there (FORMAT.md, "Below the front").
  const auto behind = entry.reason == SetAsideReason::gap ? behind_room(bytes) : 0;
  settled.moved.push_back({entry.range, content->begin + behind, checksum});
  return bytes.size();
}

}  // namespace punchline
