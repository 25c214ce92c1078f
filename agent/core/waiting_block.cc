#include "agent/core/waiting_block.h"

#include <algorithm>
#include <utility>

namespace punchline {

Result<ByteRange> WaitingBlock::look(Space& space, Position front) {
  std::string now(kBytesMax, '\0');
  const auto read = space.read_at(front, now);
  if (!read) return read.error();
  now.resize(*read);
  const auto changed = changed_in(now, front);
  if (space.format() == Format::lines) now.resize(now.rfind('\n') + 1);  // npos + 1 is 0
  begin_ = front;
  bytes_ = std::move(now);
  return changed;
}

ByteRange WaitingBlock::changed_in(const std::string& now, Position front) const {
  ByteRange changed;
  if (front < begin_) return changed;
  const auto end = std::min(begin_ + bytes_.size(), front + now.size());
  bool is_taken_back = true;  // NULs only, so far in this line
  for (auto at = front; at < end; at += 1) {
    const auto before = bytes_[at - begin_];
    const auto after = now[at - front];
    const bool is_closing = after == '\n' && is_taken_back;
    is_taken_back = after == '\n' || (is_taken_back && after == '\0');
    if (before == after || before == '\0' || after == '\0' || is_closing) continue;
    if (changed.empty()) changed.begin = at;
    changed.end = at + 1;
  }
  return changed;
}

}  // namespace punchline
