#include "agent/core/refusal_judge.h"

#include <utility>

#include "agent/core/lanes.h"
#include "buffer/base/rarely.h"

namespace punchline {

RefusalJudge::RefusalJudge(std::uint32_t seed)
    : backoff_(Lanes::kRetryFirst, Lanes::kRetryMost, seed) {}

RefusalJudge::Noted RefusalJudge::note(const Refused& refused) {
  if (!records_.note(refused)) return Noted::no;
  return records_.is_full() && !records_.has_condemned() ? Noted::blame : Noted::known;
}

// A broker whose clock was wrong takes records again once no lane lags.
RefusalJudge::Heard RefusalJudge::arrived(ByteRange range, std::size_t records, bool is_lagging) {
  rate_.arrived(records);
  if (records_.count() == 0) {
    is_told_ = is_told_ && is_lagging;
    return Heard::nothing;
  }
  const bool is_theirs = records_.holds(range);
  RARELY(!is_theirs, "refused records are condemned, since others arrive");
  is_theirs ? records_.acquit() : records_.condemn();
  is_told_ = blames_topic_ = false;
  backoff_.reset();
  return is_theirs ? Heard::acquitted : Heard::condemned;
}

// The number of refused records tells, and whether the topic has ever taken anything.
bool RefusalJudge::judge_by_rate() {
  if (records_.count() == 0) return false;
  const bool may_be_theirs = rate_.any_arrived() || records_.all_for_size();
  if (!may_be_theirs || !rate_.may_refuse(records_.count())) return true;
  RARELY(true, "refused records are condemned by their rate");
  records_.condemn();
  return false;
}

bool RefusalJudge::blame(TimePoint now) {
  blames_topic_ = true;
  probed(now);
  return !std::exchange(is_told_, true);
}

bool RefusalJudge::end_blame() {
  return std::exchange(blames_topic_, false);
}

}  // namespace punchline
