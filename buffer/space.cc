#include "buffer/space.h"

#include <cassert>

namespace punchline {

Result<Position> Space::end() {
  const auto facts = file_.facts();
  if (!facts) return facts.error();
  return base_ + facts->size;
}

Result<std::size_t> Space::read_at(Position at, std::span<char> into) {
  assert(at >= base_);
  return file_.read_at(at - base_, into);
}

Result<std::optional<Position>> Space::next_data(Position at) {
  assert(at >= base_);
  const auto data = file_.next_data(at - base_);
  if (!data) return data.error();
  return *data ? std::optional(base_ + **data) : std::nullopt;
}

Result<Position> Space::next_hole(Position at) {
  assert(at >= base_);
  const auto hole = file_.next_hole(at - base_);
  if (!hole) return hole.error();
  return base_ + *hole;
}

Status Space::punch(ByteRange range) {
  assert(range.begin >= base_);
  return file_.punch({range.begin - base_, range.end - base_});
}

}  // namespace punchline
