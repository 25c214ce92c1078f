#pragma once

#include <bitset>
#include <cstddef>

namespace punchline {

/// Tells poison records behind which nothing has arrived from a destination that refuses whatever
/// it gets: among the last kRecords records there may be kRefusedMax such refused ones, no more.
/// Then it is a fault of configuration, and setting records aside would only empty the buffer into
/// the quarantine. Where none has arrived, ever, there is nothing to tell them by. Pure. One
/// thread.
class RefusalRate {
 public:
  static constexpr std::size_t kRecords = 100;
  static constexpr std::size_t kRefusedMax = 10;

  void arrived(std::size_t records);
  /// Some arrived in an earlier run: once more as many may be refused.
  void arrived_before() {
    ++before_;
    any_arrived_ = true;
  }
  /// The destination has taken records that came before the first of this run.
  void has_taken_some() { any_arrived_ = true; }
  /// It takes records, or has taken some.
  bool any_arrived() const { return any_arrived_; }
  /// Some of the last ones were refused and set aside.
  bool any_refused() const { return refused_.any(); }
  /// So many are about to be set aside: false if that would be too many, and nothing is noted.
  bool may_refuse(std::size_t records);

 private:
  bool may_refuse();

  std::bitset<kRecords> refused_;  // the last ones
  bool any_arrived_ = false;
  std::size_t before_ = 0;
};

}  // namespace punchline
