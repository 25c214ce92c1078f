#include "buffer/item.h"

namespace punchline {

const char* name_of(SetAsideReason reason) {
  static constexpr const char* kNames[kSetAsideReasons] = {
      "none", "torn", "spans_fence", "gap", "oversize", "damaged", "refused",
      "written_below_front"};
  return kNames[static_cast<std::size_t>(reason)];
}

void append_nothing(ByteRange range, std::vector<Item>& items, std::size_t first) {
  if (items.size() > first && items.back().kind == Item::Kind::nothing) {
    items.back().range.end = range.end;
    return;
  }
  items.push_back({range, Item::Kind::nothing, SetAsideReason::none, 0, 0});
}

}  // namespace punchline
