#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "agent/demo/demo_lines.h"

namespace punchline {

/// Compares the lines that arrived with those that were appended. One thread.
class DemoAccount {
 public:
  /// Lines 0 to `appended` - 1 of `lines` are expected. Borrows `lines`.
  DemoAccount(const DemoLines& lines, std::uint64_t appended)
      : lines_(lines), seen_(appended, false) {}

  void arrived(std::int32_t partition, std::string_view payload);

  std::uint64_t expected() const { return seen_.size(); }
  std::uint64_t delivered() const { return delivered_; }  ///< Different lines.
  std::uint64_t lost() const { return expected() - delivered_; }
  std::uint64_t duplicates() const { return duplicates_; }
  std::uint64_t invented() const { return invented_; }          ///< Never appended like this.
  std::uint64_t out_of_order() const { return out_of_order_; }  ///< Arrived after a later line.
  /// Every line is there, as it was appended, in order within its partition.
  bool holds() const { return lost() == 0 && invented_ == 0 && out_of_order_ == 0; }

 private:
  const DemoLines& lines_;
  std::vector<bool> seen_;
  std::map<std::int32_t, std::uint64_t> next_;  // by partition: above all numbers that arrived
  std::uint64_t delivered_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t invented_ = 0;
  std::uint64_t out_of_order_ = 0;
};

}  // namespace punchline
