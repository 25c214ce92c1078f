// The producers of a World that do not append: one that makes room ahead and writes into it, one
// that begins at offset 0 each time it is started.

#include <algorithm>
#include <utility>

#include "buffer/crc32c.h"
#include "buffer/stored_state.h"
#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

namespace punchline::testing {

void World::reopen() {
  offset_ = file.size();
  room_end_ = UINT64_MAX;
  collapsed_seen_ = file.collapsed_bytes();
  opens_late_ = room_bytes > 0;
}

// Where it is full up to what others have appended, it opens the file anew.
void World::make_room(std::uint64_t bytes) {
  const bool is_full = room_end_ < UINT64_MAX && offset_ + bytes + kGapBytesMin > room_end_;
  if (is_full) reopen();
  if (std::exchange(opens_late_, false)) offset_ = file.size();
  if (offset_ + bytes <= file.size() || room_end_ < UINT64_MAX) return;
  const auto end = offset_ + bytes + room_bytes;
  const auto from = file.size();
  room_ends_.insert(Position(file.collapsed_bytes() + from));
  if (allocates_room && offset_ <= from) {
    file.producer_writes(from, std::string(end - from, '\0'));
  } else {
    file.truncate(end);
  }
}

void World::put_in_room(std::string_view bytes) {
  const bool halves = pauses && format == Format::lines && room_end_ == UINT64_MAX;
  const auto half = halves && is_open() ? bytes.size() / 2 : 0;
  if (half > 0) {
    file.producer_writes(offset_, bytes.substr(0, half));
    offset_ += half;
    for (int second = 0; second < 3; ++second) {
      pipe().wake();
      turn();
      advance(std::chrono::seconds(1));
    }
  }
  const auto begin = file.collapsed_bytes() + offset_ - half;
  file.producer_writes(offset_, bytes.substr(half));
  offset_ += bytes.size() - half;
  if (!is_open()) return;
  for (const auto fence : checkpoint().fences())  // it spans one: an error set it in the room
    gaps_ += begin < fence && fence < begin + bytes.size() ? 1 : 0;
}

// In lines it comes behind NULs that make a gap before it.
void World::append_behind_room(std::string_view payload) {
  const auto end = file.size();
  if (room_end_ < UINT64_MAX || offset_ + kGapBytesMin > end || opens_late_) return;
  const auto bytes = bytes_of(payload);
  appended_[std::string(payload)] = {Position(file.collapsed_bytes() + end), bytes, ++numbers_};
  gaps_ += format == Format::lines ? 1 : 0;
  room_end_ = end;
  file.producer_appends(bytes);
}

bool World::may_go_on_below() {
  const auto base = file.collapsed_bytes();
  const auto front = std::max(standing_front().value(), base) - base;
  return below_offset_ < front && file.is_hole(below_offset_);
}

// It comes there through what was freed before, and a start would know what was.
bool World::is_seen_when_written(std::uint64_t offset) {
  return file.is_hole(offset) && file.collapsed_bytes() + offset < known_clean_to();
}

Position World::known_clean_to() {
  const auto noted = file.attribute(kFreedAttribute);
  const auto stored = read_stored_state(file);
  REQUIRE((noted.ok() && stored.ok()));
  Freed freed;
  if (!*noted || decode_freed(**noted, freed) != Decoded::ok) return 0;
  const auto& uuid = stored->state.uuid;
  const bool is_of_it =
      freed.uuid_checksum == crc32c({reinterpret_cast<const char*>(uuid.data()), uuid.size()});
  return is_of_it ? freed.to + rebased_[uuid] : 0;
}

// That it is room, and not done and still to be freed, a start knows by what was noted; the agent
// that has passed it knows it anyway.
bool World::is_room_known(Position at) {
  const bool is_passed = at < standing_front();
  return !room_passed_before_ || !is_passed || at < known_clean_to();
}

void World::forgive_strays_after(std::uint64_t written) {
  for (auto& [payload, added] : strays_)
    if (added.number > written) added.required = false;
}

// Of what was passed before that was noted (FORMAT.md, "Limits"): a start frees it as done. That it
// still stands in the file is not enough.
void World::forgive_unknown_room() {
  const ByteRange unknown{known_clean_to(), standing_front()};
  for (auto& [payload, stray] : strays_)
    if (unknown.contains(stray.position)) stray.required = false;
}

void World::write_below(const std::vector<std::string>& payloads) {
  const Position base(file.collapsed_bytes());
  const auto front = standing_front();
  const bool is_seen = is_seen_when_written(below_offset_);
  const auto begin = below_offset_;
  const auto before = file.text();
  Known added;
  std::string all;
  for (const auto& payload : payloads) {
    const auto bytes = bytes_of(payload);
    const auto at = base + begin + all.size();
    const auto there = before.substr(std::min(begin + all.size(), before.size()), bytes.size());
    added[payload] = {at, bytes, ++numbers_, is_seen && at + bytes.size() <= front,
                      there.find_first_not_of('\0') != std::string::npos};
    all += bytes;
  }
  below_offset_ += all.size();
  forgive_overwritten({base + begin, base + below_offset_});
  note_rest(below_offset_);
  strays_.merge(added);
  file.producer_writes(begin, all);
  file.producer_syncs();
}

void World::forgive_overwritten(ByteRange positions) {
  for (auto* known : {&appended_, &undeliverable_, &strays_}) {
    for (auto& [payload, each] : *known) {
      const ByteRange at{each.position, each.position + each.bytes.size()};
      if (!intersection(at, positions).empty()) each.required = false;
    }
  }
}

// A line of which the beginning is written over leaves its rest, which is a line to all who read it
// (FORMAT.md, "Limits"). One that begins just there is whole.
void World::note_rest(std::uint64_t offset) {
  if (format != Format::lines || offset == 0 || offset >= file.size()) return;
  const auto text = file.text();
  if (text[offset - 1] == '\n') return;
  rests_.insert(text.substr(offset, text.find('\n', offset) - offset));
}

bool World::may_arrive(const std::string& payload) const {
  return strays_.count(payload) > 0 || rests_.count(payload) > 0;
}

bool World::is_stray_delivered(const std::string& payload) const {
  for (std::int32_t partition = 0; partition < sink.partitions(); ++partition) {
    const auto& records = sink.log(partition);
    const auto same = [&](const auto& record) { return record.payload == payload; };
    if (std::any_of(records.begin(), records.end(), same)) return true;
  }
  return false;
}

// A stretch may end inside of one, where another was found before and was still on its way to the
// quarantine, and the next begin there.
bool World::is_kept_in_two(std::string_view bytes) const {
  const auto text = file.text();
  const auto has = [&](std::string_view part) {
    return text.find(part) != std::string::npos ||
           std::any_of(store.contents.begin(), store.contents.end(), [&](const auto& content) {
             return content.find(part) != std::string::npos;
           });
  };
  if (format == Format::lines) bytes.remove_suffix(1);
  std::size_t first = 0;
  while (first < bytes.size() && has(bytes.substr(0, first + 1)))
    ++first;
  // NULs at its end are cut off.
  const auto rest = std::min(bytes.find_first_not_of('\0', first), bytes.size());
  return rest == bytes.size() || (first > 0 && has(bytes.substr(rest)));
}

bool World::is_stray_kept(const std::string& payload) const {
  for (const auto& content : store.contents)
    if (content.find(payload) != std::string::npos) return true;
  return is_stray_delivered(payload) || is_kept_in_two(strays_.at(payload).bytes);
}

void World::check_strays_kept() {
  if (file.is_torn()) return;
  const auto text = file.text();
  for (const auto& [payload, stray] : strays_) {
    if (!stray.required || text.find(stray.bytes) != std::string::npos) continue;
    INFO("written below the front, or into room: " << payload << " at " << stray.position);
    REQUIRE(is_stray_kept(payload));
  }
}

// Frames alone are delivered. What comes over one that was just confirmed is zeroed with it
// (FORMAT.md, "Limits"). One that stands across the place to which a boot takes the front back is
// kept in two pieces. What comes above the front into room of which the ledger has forgotten that it
// was passed is delivered by the next start, where no lane that fell behind meets it before.
bool World::is_due(const std::string& payload, const Appended& stray) {
  const auto start = started_at_.upper_bound(stray.position);
  const auto end = stray.position + stray.bytes.size();
  if (start != started_at_.end() && *start < end) return false;
  const bool is_deliverable =
      payload.size() <= config.record_bytes_max && !(sink.objects && sink.objects(payload));
  return format == Format::frames && is_deliverable && !stray.onto_text &&
         stray.position < standing_front();
}

void World::check_strays_seen() {
  for (const auto& [payload, stray] : strays_) {
    if (!stray.required) continue;
    INFO("written below the front, or into room: " << payload << " at " << stray.position);
    if (is_due(payload, stray)) REQUIRE(is_stray_delivered(payload));
    if (quarantines) REQUIRE(is_stray_kept(payload));
  }
}

}  // namespace punchline::testing
