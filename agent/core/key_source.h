#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace punchline {

/// Finds the key of a record in its payload. Any thread, one at a time.
class KeySource {
 public:
  virtual ~KeySource() = default;

  /// Empty if the payload has no key: the record is sent without one. The view points into
  /// `payload`, into `scratch`, which is overwritten, or to something that lives as long as this.
  virtual std::optional<std::string_view> key_of(std::string_view payload,
                                                 std::string& scratch) const = 0;
};

}  // namespace punchline
