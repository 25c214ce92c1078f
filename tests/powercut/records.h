#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace punchline::testing {

/// Which record of which producer.
struct RecordId {
  std::uint32_t producer = 0;
  std::uint64_t number = 0;  ///< From 0, in the order in which it appends.
  friend constexpr auto operator<=>(RecordId, RecordId) = default;
};

/// The text of a record follows from its id: 20 bytes to 40 KB, most of them short. It begins with
/// the id, holds no newline and no NUL, and no beginning of one is another.
std::string record_text(RecordId id);

/// Whose text it claims to be; nothing if it does not begin as ours do.
std::optional<RecordId> claimed_id(std::string_view text);
/// Whose text it is, byte for byte.
std::optional<RecordId> proved_id(std::string_view text);
/// A record of which `text` is the beginning, as far as can be seen.
bool is_beginning(std::string_view text);

}  // namespace punchline::testing
