#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace punchline::testing {

/// Names a line: which producer's, and which of them.
struct LineId {
  std::uint32_t producer = 0;
  std::uint64_t number = 0;  ///< From 0, in the order this producer appends.
  friend constexpr bool operator==(LineId, LineId) = default;
};

/// Log text that is enlarged without end: line n is "P<producer>-<number> " and the (n mod size)-th
/// line of the text. So every line is unique, says where it belongs, and can be made again to be
/// compared byte for byte. A value that does not change once it is made; any thread may read it.
class LogCorpus {
 public:
  /// The lines of tests/support/log_lines.txt. They are of all kinds that programs log, were
  /// written for this, and are the same on each machine.
  static LogCorpus committed();
  explicit LogCorpus(std::vector<std::string> texts);

  std::size_t size() const { return texts_.size(); }
  /// Adds the line and its newline to `text`.
  void append_line(LineId id, std::string& text) const;
  std::string line(LineId id) const;  ///< Without newline.
  /// The line it claims to be. Empty if it does not begin as ours do.
  static std::optional<LineId> parse(std::string_view line);
  /// True if `line` (without newline) is exactly the line it claims to be.
  bool holds(LineId id, std::string_view line) const;

 private:
  std::vector<std::string> texts_;
};

/// Writes lines [0, count) of `producer` to a file; returns its size in bytes.
std::uint64_t write_lines(const LogCorpus& corpus, std::uint32_t producer, std::uint64_t count,
                          const std::string& path);

}  // namespace punchline::testing
