#include "buffer/space.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "buffer/nuls.h"

namespace punchline {

Offset Space::offset_of(Position at) const {
  assert(at >= base_);
  return Offset(at - base_);
}

Result<Position> Space::end() {
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  return position_of(Offset(facts->size));
}

Result<Position> Space::settled_end() {
  if (const auto barrier = file_.next_data(0); !barrier) return barrier.error();
  return end();
}

Result<bool> Space::may_begin_at(Position at) {
  if (format_ != Format::lines || at <= base_) return true;
  char before = '\n';
  const auto read = read_at(at - 1, {&before, 1});
  if (!read) return read.error();
  return *read == 0 || before == '\n' || before == '\0';
}

Result<std::size_t> Space::read_at(Position at, std::span<char> into) {
  return file_.read_at(offset_of(at), into);
}

Result<bool> Space::still_holds(Position at, std::span<const char> bytes) {
  if (bytes.empty() || std::memchr(bytes.data(), 0, bytes.size()) == nullptr) return true;
  if (const auto barrier = next_data(at); !barrier) return barrier.error();
  std::array<char, 64 * 1024> memory;
  while (!bytes.empty()) {
    const auto piece = bytes.first(std::min(bytes.size(), memory.size()));
    const auto read = read_at(at, std::span(memory).first(piece.size()));
    if (!read) return read.error();
    if (*read < piece.size() || std::memcmp(memory.data(), piece.data(), *read) != 0) return false;
    at += *read;
    bytes = bytes.subspan(*read);
  }
  return true;
}

Result<bool> Space::still_nul(ByteRange nuls) {
  constexpr std::uint64_t kReadAtEachEnd = 8 << 20;
  std::array<char, 64 * 1024> memory;
  std::uint64_t bytes_read = 0;
  for (auto at = nuls.begin; at < nuls.end;) {
    const auto data = next_data(at);
    if (!data) return data.error();
    if (!*data || **data >= nuls.end) return true;
    at = **data;
    const bool is_enough = bytes_read >= kReadAtEachEnd;
    if (is_enough && nuls.end - at > kReadAtEachEnd) at = nuls.end - kReadAtEachEnd;
    const auto wanted = std::min<std::uint64_t>(memory.size(), nuls.end - at);
    const auto read = read_at(at, std::span(memory).first(wanted));
    if (!read) return read.error();
    if (*read == 0 || leading_nuls(std::span(memory).first(*read)) < *read) return false;
    at += *read;
    bytes_read += *read;
  }
  return true;
}

Result<std::optional<Position>> Space::next_data(Position at) {
  const auto data = file_.next_data(offset_of(at));
  if (!data) return data.error();
  return *data ? std::optional(position_of(**data)) : std::nullopt;
}

Result<Position> Space::next_hole(Position at) {
  const auto hole = file_.next_hole(offset_of(at));
  if (!hole) return hole.error();
  return position_of(*hole);
}

Status Space::punch(ByteRange range) {
  return file_.punch({offset_of(range.begin), offset_of(range.end)});
}

}  // namespace punchline
