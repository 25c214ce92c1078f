#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punchline {

/// Finds the key of a record in its payload. Any thread, one at a time.
class KeySource {
 public:
  virtual ~KeySource() = default;

  /// Nothing where the payload has none: the record is sent without. The view is into `payload`,
  /// or into `scratch`, which is overwritten, or to what lives as long as this does.
  virtual std::optional<std::string_view> key_of(std::string_view payload,
                                                 std::string& scratch) const = 0;
};

}  // namespace punchline
