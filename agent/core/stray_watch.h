#pragma once

#include <map>
#include <vector>

#include "agent/core/known_strays.h"
#include "buffer/base/clock.h"
#include "buffer/strays.h"

namespace punchline {

/// Looks once in a while whether somebody has written where all is done, and says which stretches
/// are to be set aside: whole lines at once, others when they have not grown for a while. One
/// thread.
class StrayWatch {
 public:
  static constexpr std::size_t kFoundMax = 1024;  ///< In one look.

  /// Must outlive it.
  StrayWatch(KnownStrays& strays, TimePoint now) : strays_(strays), due_(now) {}

  /// It is time, or the file was changed without having grown: look soon.
  bool is_due(TimePoint now) const { return now >= due_; }
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
  std::map<Position, Unended> unended_;  // by where they begin; of the last look
  std::map<Position, Unended> met_;      // in this look
};

}  // namespace punchline
