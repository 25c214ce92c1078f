#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace punchline {

/// Log lines for the demo: the machine's own, repeated without end, each with its number in front.
/// So every line is unique, and can be made again to be compared byte for byte. A value; any thread
/// may read it.
class DemoLines {
 public:
  /// Lines of text files below /var/log that we may read; of /usr/share/doc if these are few; or
  /// made-up ones if there are none at all. Reads some megabytes at most.
  static DemoLines from_machine();
  explicit DemoLines(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  /// "00000042 <text>", without newline.
  std::string line(std::uint64_t number) const;
  /// The number at the beginning of a line; empty if it is not exactly the line of that number.
  std::optional<std::uint64_t> number_of(std::string_view line) const;

  std::size_t size() const { return texts_.size(); }
  /// Where they come from, with the number of lines of each.
  const std::vector<std::string>& sources() const { return sources_; }

 private:
  std::vector<std::string> texts_;
  std::vector<std::string> sources_;
};

}  // namespace punchline
