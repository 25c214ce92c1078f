#pragma once

#include <map>
#include <vector>

#include "agent/core/known_strays.h"
#include "buffer/base/clock.h"
#include "buffer/strays.h"

namespace punchline {

/// Looks from time to time whether somebody has written where all is done, and returns the
/// stretches that are to be set aside: whole lines at once, others when they have not grown for a
/// while. One thread.
class StrayWatch {
 public:
  static constexpr std::size_t kFoundMax = 1024;  ///< In one look.

  /// `strays` must outlive it.
  StrayWatch(KnownStrays& strays, TimePoint now) : strays_(strays), due_(now) {}

  /// It is time to look.
  bool is_due(TimePoint now) const { return now >= due_; }
  /// The file was changed without having grown: look soon.
  void hurry(TimePoint now) { due_ = std::min(due_, now); }
  TimePoint due() const { return due_; }

  /// Errors: `io`.
  Result<std::vector<Stray>> look(TimePoint now);

 private:
  bool is_settled(const Stray& stray, TimePoint now);

  struct Unended {
    Position end = 0;
    TimePoint since;
  };
  KnownStrays& strays_;
  TimePoint due_;
  std::map<Position, Unended> unended_;  // those of the last look, by where they begin
  std::map<Position, Unended> met_;      // those of this look
};

}  // namespace punchline
