#pragma once

#include <bitset>
#include <cstddef>

namespace punchline {

/// Decides, when nothing has arrived after refused records, whether these are poison or the
/// destination refuses whatever it gets. At most kRefusedMax of the last kRecords records may be
/// poison of that kind. More than that is a fault of the configuration, and setting records aside
/// would only empty the buffer into the quarantine. If no record has ever arrived, there is nothing
/// to tell the two apart by. Pure. One thread.
class RefusalRate {
 public:
  static constexpr std::size_t kRecords = 100;
  static constexpr std::size_t kRefusedMax = 10;

  void arrived(std::size_t records);
  /// Some arrived in an earlier run, so kRefusedMax more may be refused.
  void arrived_before() {
    ++before_;
    any_arrived_ = true;
  }
  /// The destination has taken records that came before the first of this run.
  void has_taken_some() { any_arrived_ = true; }
  /// The destination takes records, or has taken some.
  bool any_arrived() const { return any_arrived_; }
  /// Some of the last ones were refused and set aside.
  bool any_refused() const { return refused_.any(); }
  /// So many are about to be set aside, which is noted. False if that would be too many; then
  /// nothing is noted.
  bool may_refuse(std::size_t records);

 private:
  bool may_refuse();

  std::bitset<kRecords> refused_;  // the last ones
  bool any_arrived_ = false;
  std::size_t before_ = 0;
};

}  // namespace punchline
