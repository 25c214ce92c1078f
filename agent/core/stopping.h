#pragma once

#include <chrono>

#include "agent/core/config.h"
#include "buffer/base/clock.h"

namespace punchline {

/// Decides how long a run goes on once a signal has asked it to end. Pure. One thread.
///
/// If the operator wants that, it first *drains*: goes on feeding until nothing complete waits.
/// Then it *settles*: waits for the reports on what is in flight. Both end when their time is up.
/// The rest of the timeout is for the last sync and for the client to end.
class Stopping {
 public:
  Stopping(OnStop on_stop, std::chrono::milliseconds timeout)
      : on_stop_(on_stop), timeout_(timeout) {}

  /// SIGTERM or SIGINT; the second one ends all waiting.
  void ask(TimePoint now);

  bool asked() const { return asked_; }
  bool drains() const { return draining_; }
  /// Draining and settling together, for the log.
  Duration patience() const;

  /// While it drains: whether that is over, so that settling begins.
  bool ends_draining(TimePoint now, bool nothing_waits);
  /// There is nothing left to wait for, or no time.
  bool is_over(TimePoint now, bool settled) const;
  /// When to ask again if nothing else happens; TimePoint::max() for never.
  TimePoint due() const;

 private:
  OnStop on_stop_;
  std::chrono::milliseconds timeout_;
  bool asked_ = false;
  bool at_once_ = false;
  bool draining_ = false;
  TimePoint drain_by_{};
  TimePoint settle_by_{};
};

}  // namespace punchline
