#include "agent/core/stopping.h"

#include <algorithm>

namespace punchline {
namespace {

using namespace std::chrono_literals;

// All of `whole` but one of `parts` equal parts, which is `rest_max` at most.
Duration most_of(Duration whole, int parts, Duration rest_max) {
  return std::max(whole - whole / parts, whole - rest_max);
}

}  // namespace

Duration Stopping::patience() const {
  return most_of(timeout_, 2, 1500ms);
}

void Stopping::ask(TimePoint now) {
  if (asked_) {
    at_once_ = true;
    return;
  }
  asked_ = true;
  draining_ = on_stop_ == OnStop::drain;
  settle_by_ = now + patience();
  drain_by_ = now + most_of(patience(), 4, 500ms);
}

bool Stopping::ends_draining(TimePoint now, bool nothing_waits) {
  draining_ = draining_ && !nothing_waits && !at_once_ && now < drain_by_;
  return !draining_;
}

bool Stopping::is_over(TimePoint now, bool settled) const {
  return asked_ && !draining_ && (settled || at_once_ || now >= settle_by_);
}

TimePoint Stopping::due() const {
  if (!asked_) return TimePoint::max();
  return draining_ ? drain_by_ : settle_by_;
}

}  // namespace punchline
