#include "agent/demo/demo_account.h"

#include <algorithm>

namespace punchline {

void DemoAccount::arrived(std::int32_t partition, std::string_view payload) {
  const auto number = lines_.number_of(payload);
  if (!number || *number >= seen_.size()) {
    ++invented_;
    return;
  }
  if (seen_[*number]) {
    ++duplicates_;
    return;
  }
  seen_[*number] = true;
  ++delivered_;
  auto& next = next_[partition];
  if (*number < next) ++out_of_order_;
  next = std::max(next, *number + 1);
}

}  // namespace punchline
