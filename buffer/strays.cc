#include "buffer/strays.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "buffer/frame.h"
#include "buffer/lines.h"
#include "buffer/nuls.h"

namespace punchline {
namespace {

/// How many bytes at the beginning of `bytes` are NULs, or newlines that close them.
std::size_t clean_in(std::string_view bytes) {
  std::size_t end = 0;
  while (end < bytes.size() && (bytes[end] == '\0' || bytes[end] == '\n')) {
    end += bytes[end] == '\n' ? 1 : leading_nuls(bytes.substr(end));
  }
  return end;
}

/// Where the first run of NULs begins that is too long for a line. The end of `bytes` if there is
/// none.
std::size_t long_nuls_in(std::string_view bytes) {
  for (auto at = bytes.find('\0'); at < bytes.size();) {
    const auto end = at + leading_nuls(bytes.substr(at));
    if (end - at >= kGapBytesMin) return at;
    at = bytes.find('\0', end);
  }
  return bytes.size();
}

std::optional<ByteRange> explained_at(const StraySearch::Where& where, Position at) {
  const auto unfreed = where.unfreed.find(at);
  return unfreed ? unfreed : where.known.find(at);
}

/// The length of the whole frames that `bytes` begin with.
std::size_t frames_in(std::string_view bytes) {
  std::size_t end = 0;
  for (FrameHead head; decode_frame(bytes.substr(end), head) == FrameFound::frame;)
    end += head.frame_bytes;
  return end;
}

/// The stray at the beginning of `bytes`, which begin with text. `more`: the clean stretch goes on
/// after them. Sets `ended` if the stray is a whole line or whole frames. Empty if it goes on after
/// `bytes`.
IndexRange first_stray(std::string_view bytes, Format format, bool more, bool& ended) {
  if (const auto frames = format == Format::frames ? frames_in(bytes) : 0; frames > 0) {
    ended = true;
    return {0, frames};
  }
  const auto nuls = long_nuls_in(bytes);
  const auto newline = format == Format::lines ? bytes.find('\n') : std::string_view::npos;
  ended = newline < nuls;
  if (ended) return {0, newline + 1};
  if (nuls == bytes.size() && more) return {};
  return {0, bytes.substr(0, nuls).find_last_not_of('\0') + 1};
}

}  // namespace

// Skips holes, bytes that are not freed yet, and strays that are known. All other data should be
// clean.
Result<Position> StraySearch::find(const Where& where, std::size_t found_max,
                                   std::vector<Stray>& found) {
  bytes_read_ = 0;
  for (looked_to_ = where.range.begin; looked_to_ < where.range.end;) {
    if (found.size() >= found_max || bytes_read_ >= kBytesPerLookMax) return looked_to_;
    if (const auto old = explained_at(where, looked_to_)) {
      looked_to_ = old->end;
      continue;
    }
    const auto data = space_.next_data(looked_to_);
    if (!data) return data.error();
    if (!*data || **data >= where.range.end) break;
    looked_to_ = **data;
    if (explained_at(where, looked_to_)) continue;
    const auto hole = space_.next_hole(looked_to_);
    if (!hole) return hole.error();
    ByteRange clean{looked_to_, std::min(*hole, where.range.end)};
    for (const auto* explained : {&where.unfreed, &where.known}) {
      const auto next = explained->next(clean.begin);
      if (next) clean.end = std::min(clean.end, next->begin);
    }
    if (const auto looked = look_into(where, clean, found_max, found); !looked) {
      return looked.error();
    }
    if (const auto whole = look_beyond(*hole, clean, found); !whole) return whole.error();
  }
  return where.range.end;
}

// A line that was written across the end of the data meanwhile goes on in what was a hole before.
// Such a line is looked at once more.
Status StraySearch::look_beyond(Position hole, ByteRange clean, std::vector<Stray>& found) {
  if (hole != clean.end || found.empty()) return {};
  const auto last = found.back();
  const bool may_go_on = last.range.begin >= clean.begin && !last.ended;
  if (!may_go_on || last.range.end + kGapBytesMin <= hole) return {};
  const auto data = space_.next_data(hole);
  if (!data) return data.error();
  if (!*data || **data > hole) return {};
  found.pop_back();
  looked_to_ = last.range.begin;
  return {};
}

// True if there is text right before `at`, where this look has found none. Then a line has been
// written across `at` since.
Result<bool> StraySearch::begins_before(Position at, const Where& where,
                                        const std::vector<Stray>& found) {
  if (at == where.range.begin || explained_at(where, at - 1)) return false;
  if (!found.empty() && found.back().range.end == at) return false;
  char last = 0;
  const auto read = space_.read_at(at - 1, {&last, 1});
  if (!read) return read.error();
  return *read == 1 && last != '\0' && last != '\n';
}

// Looks once more, from one piece before this place, and forgets the strays found from there on.
void StraySearch::go_back(const Where& where, std::vector<Stray>& found) {
  looked_to_ -= std::min<std::uint64_t>(kPieceBytes, looked_to_ - where.range.begin);
  while (!found.empty() && found.back().range.end > looked_to_) {
    looked_to_ = std::min(looked_to_, found.back().range.begin);
    found.pop_back();
  }
}

// A stray that goes on after a piece is read again from its beginning, with the next piece. Only a
// stray that is larger than a piece is cut.
Status StraySearch::look_into(const Where& where, ByteRange clean, std::size_t found_max,
                              std::vector<Stray>& found) {
  memory_.resize(kPieceBytes);
  while (looked_to_ < clean.end && found.size() < found_max && bytes_read_ < kBytesPerLookMax) {
    const auto wanted = std::min<std::uint64_t>(kPieceBytes, clean.end - looked_to_);
    const auto read = space_.read_at(looked_to_, {memory_.data(), wanted});
    if (!read) return read.error();
    if (*read == 0) {
      looked_to_ = clean.end;
      break;
    }
    bytes_read_ += *read;
    auto bytes = std::string_view(memory_).substr(0, *read);
    if (clean_in(bytes) < bytes.size()) {  // its beginning may have been read as NULs (R9)
      const auto holds = space_.still_holds(looked_to_, bytes);
      if (!holds) return holds.error();
      if (!*holds) continue;
    }
    const bool more = looked_to_ + *read < clean.end;
    while (!bytes.empty() && found.size() < found_max) {
      const auto text = clean_in(bytes);
      bytes.remove_prefix(text);
      looked_to_ += text;
      if (bytes.empty()) break;
      bool ended = false;
      auto stray = first_stray(bytes, space_.format(), more, ended);
      if (stray.empty() && bytes.size() < kPieceBytes) break;  // read on from here
      if (stray.empty()) stray = {0, bytes.size()};
      if (bytes.size() == *read) {
        const auto before = begins_before(looked_to_, where, found);
        if (!before) return before.error();
        if (*before) {
          go_back(where, found);
          return {};
        }
      }
      found.push_back({{looked_to_, looked_to_ + stray.size()}, ended});
      bytes.remove_prefix(stray.size());
      looked_to_ += stray.size();
    }
  }
  return {};
}

}  // namespace punchline
