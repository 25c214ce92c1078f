#include "buffer/space.h"

#include <cassert>

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

Result<std::size_t> Space::read_at(Position at, std::span<char> into) {
  return file_.read_at(offset_of(at), into);
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
