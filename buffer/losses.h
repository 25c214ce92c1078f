#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "buffer/base/result.h"
#include "buffer/buffer_file.h"

namespace punchline {

/// Why records that waited in a buffer are gone. The names are on disk: never change them.
enum class LossReason : std::uint8_t {
  truncated,    ///< Somebody made the file shorter.
  overwritten,  ///< A producer that does not append has written over them.
  deleted,      ///< The file was deleted, and what waited in it could not be saved.
  dropped,      ///< The oldest were given up at bytes_max, as the configuration wants.
};
inline constexpr std::size_t kLossReasons = 4;
const char* name_of(LossReason reason);

/// The losses for one reason. All counts stop at their largest value.
struct Loss {
  std::uint64_t times = 0;    ///< How many losses were seen; 0: nothing was lost.
  std::uint64_t records = 0;  ///< Only those that had been read: the others cannot be counted.
  std::uint64_t bytes = 0;    ///< An upper bound.
};

/// The losses of a buffer since kLostAttribute was last removed from it, by LossReason. They
/// outlive restarts (FORMAT.md, "What was lost"). They decide nothing, so there is no checksum.
using Losses = std::array<Loss, kLossReasons>;

inline Loss& loss_of(Losses& losses, LossReason reason) {
  return losses[static_cast<std::size_t>(reason)];
}
inline const Loss& loss_of(const Losses& losses, LossReason reason) {
  return losses[static_cast<std::size_t>(reason)];
}
bool is_any(const Losses& losses);
void add(Losses& to, const Losses& more);
void take(Losses& from, const Losses& less);  ///< Never below 0.
/// "truncated: 3 known records, up to 120 bytes; ..." for people; "" if nothing was lost.
std::string text_of(const Losses& losses);

/// For people, after that text.
inline constexpr const char* kForgetLosses =
    "noted until 'setfattr -x user.punchline.lost FILE' forgets it";

/// The losses in the attribute. Lines that cannot be parsed are skipped.
/// Errors as for BufferFile::attribute().
Result<Losses> noted_losses(BufferFile& file);
/// Reads the attribute, adds `more` and subtracts `less`, and writes it. So it does not matter
/// whether another process has changed or removed the attribute before.
/// Errors as for BufferFile::attribute() and set_attribute(); then nothing is changed.
Status note_losses(BufferFile& file, const Losses& more, const Losses& less = {});

}  // namespace punchline
