#include "buffer/frame_scanner.h"

#include <algorithm>
#include <cstring>

#include "buffer/base/rarely.h"
#include "buffer/lines.h"

namespace punchline {
namespace {

constexpr int kPiecesPerStepMax = 64;
constexpr std::size_t kFreedNulsMin = 4096;

std::size_t nuls_at(std::string_view bytes, std::size_t from) {
  return std::min(bytes.find_first_not_of('\0', from), bytes.size());
}

/// What is known of bytes in which decode_frame() has found no frame, although all of it would be
/// there.
struct Unsound {
  bool torn = false;            ///< Its writer died, and others wrote on where it would have ended.
  std::size_t frame_bytes = 0;  ///< Not 0: head and tail are sound, the bytes between are not.
};
Unsound look_closer(std::string_view bytes) {
  FrameHead head;
  if (decode_frame_head(bytes, head) != FrameFound::head) return {};
  const auto tail = bytes.substr(head.frame_bytes - kFrameTailBytes, kFrameTailBytes);
  if (!tail_fits(head, tail)) return {true, 0};
  return {false, head.frame_bytes};
}

/// The end of the last byte that is not NUL; 0 if there is none.
std::size_t text_end(std::string_view bytes) {
  return bytes.find_last_not_of('\0') + 1;  // npos + 1 is 0
}

/// How many of `bytes` show that no whole frame begins there: all of the text, and at least the
/// bytes that would be the frame.
std::size_t judged_in(std::string_view bytes) {
  FrameHead head;
  const bool is_head = decode_frame_head(bytes, head) == FrameFound::head;
  const auto frame = is_head ? std::size_t{head.frame_bytes} : kFrameHeadBytes;
  return std::min(std::max(text_end(bytes), frame), bytes.size());
}

void append_nuls(ByteRange range, std::vector<Item>& items, std::size_t first) {
  if (range.size() < kGapBytesMin) return append_nothing(range, items, first);
  items.push_back({range, Item::Kind::room, SetAsideReason::none, 0, 0});
}

/// Where the first run of NULs begins that is as long as a freed block, or fills `bytes`. Their end
/// if there is none.
std::size_t long_nuls_in(std::string_view bytes) {
  for (auto at = bytes.find('\0'); at < bytes.size();) {
    const auto end = nuls_at(bytes, at);
    if (end - at >= std::min(kFreedNulsMin, bytes.size())) return at;
    at = bytes.find('\0', end);
  }
  return bytes.size();
}

}  // namespace

void FrameScanner::forget() {
  damage_.reset();
  nuls_ = {};
}

/// Takes the frames and NULs that are whole in memory. Only if there are none does it look closer
/// at what begins at `from`: a frame that is not all there, one that is larger than the memory, or
/// damage.
Result<ScanStep> FrameScanner::step(Position from, Position until, std::span<char> memory,
                                    std::size_t items_max, std::vector<Item>& items) {
  if (from >= until) return ScanStep{from, ScanStep::End::end_of_data, 0};
  if (damage_ && damage_->begin == from && damage_->proved) return search(memory, items);
  const auto loaded = load(from, memory);
  if (!loaded) return loaded.error();
  if (loaded->bytes.empty()) return ScanStep{from, ScanStep::End::end_of_data, 0};
  if (loaded->bytes.front() == '\0') return pass_nuls(*loaded, memory, items);
  const auto first = items.size();
  const auto stop = decode(*loaded, until, items_max, items);
  if (stop.done > 0) {
    const auto holds = nothing_holds(*loaded, std::span(items).subspan(first));
    if (!holds || !*holds) items.resize(first);
    if (!holds) return holds.error();
    return ScanStep{*holds ? from + stop.done : from, ScanStep::End::more, 0};
  }
  switch (stop.found) {
    case FrameFound::too_short:
      return pass_incomplete(*loaded, nullptr, memory, items);
    case FrameFound::head:
      if (loaded->to_end) return pass_incomplete(*loaded, &stop.head, memory, items);
      return pass_large(*loaded, stop.head, memory, items);
    case FrameFound::none:
    case FrameFound::frame:
      break;
  }
  const auto holds = space_.still_holds(from, loaded->bytes.substr(0, judged_in(loaded->bytes)));
  if (!holds) return holds.error();
  if (!*holds) return ScanStep{from, ScanStep::End::more, 0};
  const auto unsound = look_closer(loaded->bytes);
  RARELY(unsound.frame_bytes > 0, "N4: a frame whose bytes between head and tail are damaged");
  RARELY(unsound.torn, "N4: a frame without its tail");
  if (unsound.frame_bytes > 0) {
    // N4: nothing inside is looked at, since it may be a copy of frames.
    damage_ = Damage{from, from, true, SetAsideReason::damaged};
    return set_aside_to(from + unsound.frame_bytes, items);
  }
  return begin_damage(from, true, unsound.torn, memory, items);
}

Result<FrameScanner::Loaded> FrameScanner::load(Position from, std::span<char> memory) {
  const auto read = space_.read_at(from, memory);
  if (!read) return read.error();
  return Loaded{from, {memory.data(), *read}, *read < memory.size()};
}

/// N1, N2, N3: takes the items that are whole in memory.
FrameScanner::Stop FrameScanner::decode(const Loaded& loaded, Position until, std::size_t items_max,
                                        std::vector<Item>& items) {
  const auto first = items.size();
  const auto bytes = loaded.bytes;
  Stop stop;
  while (stop.done < bytes.size() && loaded.from + stop.done < until &&
         items.size() - first < items_max) {
    if (bytes[stop.done] == '\0') {
      const auto end = nuls_at(bytes, stop.done);
      if (end == bytes.size()) return stop;  // what follows them is not known yet
      append_nuls({loaded.from + stop.done, loaded.from + end}, items, first);
      stop.done = end;
      continue;
    }
    stop.found = decode_frame(bytes.substr(stop.done), stop.head);
    if (stop.found != FrameFound::frame) return stop;
    take_frame(loaded, stop.done, stop.head, items);
    stop.done += stop.head.frame_bytes;
  }
  return stop;
}

/// NULs are read once more (R9). A frame proves itself.
Result<bool> FrameScanner::nothing_holds(const Loaded& loaded, std::span<const Item> items) {
  for (const auto& item : items) {
    if (item.kind != Item::Kind::nothing && item.kind != Item::Kind::room) continue;
    const auto nuls = loaded.bytes.substr(item.range.begin - loaded.from, item.range.size());
    const auto holds = space_.still_holds(item.range.begin, nuls);
    if (!holds || !*holds) return holds;
  }
  return true;
}

void FrameScanner::take_frame(const Loaded& loaded, std::size_t at, const FrameHead& head,
                              std::vector<Item>& items) {
  learn(head.salt);
  const ByteRange range{loaded.from + at, loaded.from + at + head.frame_bytes};
  RARELY(head.record_bytes() > space_.rules().record_bytes_max, "N3: a frame that is too large");
  if (head.record_bytes() > space_.rules().record_bytes_max) {
    items.push_back({range, Item::Kind::set_aside, SetAsideReason::oversize, 0, 0});
    return;
  }
  items.push_back({range, Item::Kind::record, SetAsideReason::none,
                   static_cast<std::uint32_t>(at) + head.payload(), head.payload_bytes()});
}

/// N1. NULs up to the end of the file are not passed: a producer may have made them to write into.
Result<ScanStep> FrameScanner::pass_nuls(const Loaded& loaded, std::span<char> memory,
                                         std::vector<Item>& items) {
  const auto first = items.size();
  ByteRange nuls{loaded.from, loaded.from + nuls_at(loaded.bytes, 0)};
  if (nuls.size() == loaded.bytes.size()) {
    if (nuls_.begin == nuls.begin) nuls.end = std::max(nuls.end, nuls_.end);
    nuls_ = {};
    const auto behind = look_behind(nuls, memory);
    if (!behind) return behind.error();
    if (*behind == Behind::end_of_file) {
      return ScanStep{nuls.begin, ScanStep::End::end_of_data, 0, nuls.size()};
    }
    if (*behind == Behind::more_nuls) {
      nuls_ = nuls;
      return ScanStep{nuls.begin, ScanStep::End::more, 0};
    }
  }
  const auto holds = space_.still_nul(nuls);
  if (!holds) return holds.error();
  if (!*holds) return ScanStep{nuls.begin, ScanStep::End::more, 0};
  append_nuls(nuls, items, first);
  return ScanStep{nuls.end, ScanStep::End::more, 0};
}

/// Tells what follows `nuls`, and extends `nuls` up to there. A call goes a bounded piece of the
/// way. The size is asked for first: what is appended between the two calls comes after it.
Result<FrameScanner::Behind> FrameScanner::look_behind(ByteRange& nuls, std::span<char> memory) {
  for (int piece = 0; piece < kPiecesPerStepMax; ++piece) {
    const auto end = space_.end();
    if (!end) return end.error();
    const auto data = space_.next_data(nuls.end);
    if (!data) return data.error();
    nuls.end = std::max(nuls.end, data->value_or(*end));
    if (nuls.end >= *end) return Behind::end_of_file;
    const auto loaded = load(nuls.end, memory);
    if (!loaded) return loaded.error();
    const auto more = nuls_at(loaded->bytes, 0);
    nuls.end += more;
    if (more < loaded->bytes.size()) return Behind::text;
  }
  return Behind::more_nuls;
}

/// A sound head whose frame is larger than the memory. The tail tells whether the frame is torn.
Result<ScanStep> FrameScanner::pass_large(const Loaded& loaded, const FrameHead& head,
                                          std::span<char> memory, std::vector<Item>& items) {
  const auto end = loaded.from + head.frame_bytes;
  if (const auto barrier = space_.next_data(loaded.from); !barrier) return barrier.error();
  char tail[kFrameTailBytes] = {};
  const auto read = space_.read_at(end - kFrameTailBytes, tail);
  if (!read) return read.error();
  if (*read < kFrameTailBytes) return pass_incomplete(loaded, &head, memory, items);
  if (!tail_fits(head, {tail, kFrameTailBytes})) {
    return begin_damage(loaded.from, true, true, memory, items);
  }
  if (head.record_bytes() <= space_.rules().record_bytes_max) {
    return ScanStep{loaded.from, ScanStep::End::needs_memory, 0};
  }
  learn(head.salt);
  items.push_back(
      {{loaded.from, end}, Item::Kind::set_aside, SetAsideReason::oversize, 0, 0});  // N3
  return ScanStep{end, ScanStep::End::more, 0};
}

/// N5: the file ends before the frame does. An append that was under way is whole once the barrier
/// has been passed (BufferFile::next_data()). A frame that is not whole then was left by a writer
/// that died. It is set aside when something follows it.
Result<ScanStep> FrameScanner::pass_incomplete(const Loaded& loaded, const FrameHead* head,
                                               std::span<char> memory, std::vector<Item>& items) {
  if (const auto barrier = space_.next_data(loaded.from); !barrier) return barrier.error();
  const auto end = space_.end();
  if (!end) return end.error();
  const auto needed = head != nullptr ? head->frame_bytes : kFrameHeadBytes;
  if (*end >= loaded.from + needed) return ScanStep{loaded.from, ScanStep::End::more, 0};
  RARELY(dead_below_fence(loaded.from), "N5: an unfinished frame below a fence");
  return begin_damage(loaded.from, dead_below_fence(loaded.from), true, memory, items);
}

/// If a search for the end of this damage has begun already, it goes on where it was.
Result<ScanStep> FrameScanner::begin_damage(Position at, bool proved, bool torn,
                                            std::span<char> memory, std::vector<Item>& items) {
  const auto searched_to = damage_ && damage_->begin == at ? damage_->searched_to : at + 1;
  damage_ = Damage{at, searched_to, proved, torn ? SetAsideReason::torn : SetAsideReason::damaged};
  return search(memory, items);
}

/// N4: looks for the next frame after the damage, a bounded piece of the way.
Result<ScanStep> FrameScanner::search(std::span<char> memory, std::vector<Item>& items) {
  for (int piece = 0; piece < kPiecesPerStepMax; ++piece) {
    auto loaded = load(damage_->searched_to, memory);
    if (!loaded) return loaded.error();
    auto searched_to = damage_->searched_to;
    const auto found = end_in(*loaded, searched_to);
    if (!found) return found.error();
    const auto passed = found->value_or(searched_to) - loaded->from;
    const auto holds = space_.still_holds(loaded->from, loaded->bytes.substr(0, passed));
    if (!holds) return holds.error();
    RARELY(!*holds, "R9: bytes after damage were written to since they were read");
    if (!*holds) continue;
    damage_->searched_to = searched_to;
    if (*found) return set_aside_to(**found, items);
    if (!loaded->to_end) continue;
    // Everything up to the end of the file has been looked at, up to bytes that may become a head.
    if (damage_->proved) {
      const auto looked_at = loaded->bytes.substr(0, damage_->searched_to - loaded->from);
      return set_aside_to(loaded->from + text_end(looked_at), items);
    }
    return ScanStep{damage_->begin, ScanStep::End::end_of_data,
                    loaded->from + loaded->bytes.size() - damage_->begin};
  }
  return ScanStep{damage_->begin, ScanStep::End::more, 0};
}

/// Where the damage ends: before the next frame, or before a run of NULs as long as freed space.
/// NULs right before a frame are freed space, too. Empty if it does not end here. `searched_to`
/// never comes to lie inside a run of NULs, so no run is cut in two. NULs up to the end of the file
/// are left out, since something may still be written into them.
Result<std::optional<Position>> FrameScanner::end_in(const Loaded& loaded, Position& searched_to) {
  const auto nuls = text_end(loaded.bytes);
  const auto bytes = loaded.to_end ? loaded.bytes.substr(0, nuls) : loaded.bytes;
  const auto freed = long_nuls_in(bytes);
  const auto head = head_in(loaded, freed);
  if (!head) return head.error();
  if (head->found) return std::optional{loaded.from + text_end(bytes.substr(0, head->at))};
  if (freed < bytes.size()) return std::optional{loaded.from + freed};
  searched_to = loaded.from + std::min(head->at, nuls);
  return std::optional<Position>{};
}

/// The first sound head before `limit`, or the place where a head may begin that is not all there.
Result<FrameScanner::HeadAt> FrameScanner::head_in(const Loaded& loaded, std::size_t limit) {
  const auto bytes = loaded.bytes;
  for (auto at = bytes.find(kFrameMarker.front()); at < limit;
       at = bytes.find(kFrameMarker.front(), at + 1)) {
    FrameHead head;
    const auto found = decode_frame_head(bytes.substr(at), head);
    if (found == FrameFound::too_short) return HeadAt{at, false};
    if (found == FrameFound::none) continue;
    const auto good = is_candidate(loaded, at, head);
    if (!good) return good.error();
    if (*good) return HeadAt{at, true};
  }
  return HeadAt{bytes.size(), false};
}

/// True for a head with a salt of this file whose frame has its tail, or would end after the file
/// does.
Result<bool> FrameScanner::is_candidate(const Loaded& loaded, std::size_t at,
                                        const FrameHead& head) {
  const auto known = knows(head.salt);
  RARELY(known && !*known, "a frame in damage has the salt of no file that is known");
  if (!known || !*known) return known;
  const auto tail_at = at + head.frame_bytes - kFrameTailBytes;
  if (tail_at + kFrameTailBytes <= loaded.bytes.size()) {
    return tail_fits(head, loaded.bytes.substr(tail_at, kFrameTailBytes));
  }
  char tail[kFrameTailBytes] = {};
  const auto read = space_.read_at(loaded.from + tail_at, tail);
  if (!read) return read.error();
  return *read < kFrameTailBytes || tail_fits(head, {tail, kFrameTailBytes});
}

ScanStep FrameScanner::set_aside_to(Position end, std::vector<Item>& items) {
  const ByteRange range{damage_->begin, end};
  const bool is_remnant = space_.rules().is_remnant(range.begin, range.end);
  RARELY(is_remnant, "the rest of a frame that was confirmed before");
  if (is_remnant) {
    items.push_back({range, Item::Kind::nothing, SetAsideReason::none, 0, 0});
  } else {
    items.push_back({range, Item::Kind::set_aside, damage_->reason, 0, 0});
  }
  damage_.reset();
  return {end, ScanStep::End::more, 0};
}

Result<bool> FrameScanner::knows(std::uint32_t salt) {
  for (const auto* known : {&salts_, &space_.rules().salts})
    if (std::find(known->begin(), known->end(), salt) != known->end()) return true;
  const auto facts = space_.file().facts();
  if (!facts) return facts.error();
  return salt == frame_salt(facts->inode, facts->birth_ns);
}

void FrameScanner::learn(std::uint32_t salt) {
  if (!salts_.empty() && salts_.back() == salt) return;
  const auto known = std::find(salts_.begin(), salts_.end(), salt);
  if (known != salts_.end()) salts_.erase(known);
  if (salts_.size() == kSaltsMax) salts_.erase(salts_.begin());
  salts_.push_back(salt);
}

}  // namespace punchline
