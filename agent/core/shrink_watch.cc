#include "agent/core/shrink_watch.h"

#include <algorithm>
#include <array>
#include <span>

#include "buffer/base/rarely.h"
#include "buffer/lines.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

constexpr Duration kLookDelay = std::chrono::seconds(1);
constexpr Duration kReportsWaitedFor = std::chrono::seconds(2);

}  // namespace

void ShrinkWatch::note_look(TimePoint now) {
  is_woken_ = false;
  due_ = now + kLookDelay;
}

void ShrinkWatch::look(const Known& known) {
  const auto end = space_.end();
  if (has_shrunk_ || !end) return;
  const auto begins = checkpoint_.space().may_begin_at(known.read_to);
  if (!begins) return;
  const auto end_before = std::max(end_seen_, known.read_to);
  has_shrunk_ = *end < end_before || !*begins;
  RARELY(*end < end_before, "the file is shorter than it was");
  RARELY(*end >= end_before && !*begins, "the file was truncated, and has grown again");
  if (has_shrunk_) {
    is_untold_ = true;
    is_at_most_ = *end >= end_before;
    const auto from = is_at_most_ ? known.front : std::max(known.front, *end);
    gone_ = {from, std::max(from, end_before)};
  }
  end_seen_ = may_end_with_room(*end) ? known.read_to : *end;
  if (known.room.end == *end) end_seen_ = known.room.begin;
}

// As long as the end has not been read, nobody knows how much of it is room.
bool ShrinkWatch::may_end_with_room(Position end) {
  std::array<char, 16> last{};
  if (end < std::max(end_seen_ + kGapBytesMin, space_.base() + last.size())) return false;
  const auto read = space_.read_at(end - last.size(), last);
  return read && *read > 0 && leading_nuls(std::span(last).first(*read)) == *read;
}

bool ShrinkWatch::is_settled(std::uint64_t in_flight, TimePoint now) {
  if (!has_shrunk_) return false;
  if (!shrunk_at_) shrunk_at_ = now;
  RARELY(in_flight > 0 && now >= *shrunk_at_ + kReportsWaitedFor,
         "a truncated file does not wait for its reports any more");
  return in_flight == 0 || now >= *shrunk_at_ + kReportsWaitedFor;
}

}  // namespace punchline
