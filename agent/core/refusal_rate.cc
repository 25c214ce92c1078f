#include "agent/core/refusal_rate.h"

namespace punchline {

void RefusalRate::arrived(std::size_t records) {
  any_arrived_ = any_arrived_ || records > 0;
  refused_ = records < kRecords ? refused_ << records : std::bitset<kRecords>();
}

bool RefusalRate::may_refuse(std::size_t records) {
  auto after = *this;
  for (; records > 0; --records)
    if (!after.may_refuse()) return false;
  *this = after;
  return true;
}

bool RefusalRate::may_refuse() {
  if (refused_.count() >= kRefusedMax) {
    if (before_ == 0) return false;
    --before_;
    refused_.reset();
  }
  refused_ <<= 1;
  refused_.set(0);
  return true;
}

}  // namespace punchline
