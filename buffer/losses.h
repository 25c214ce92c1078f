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
  overwritten,  ///< A producer that does not append wrote over them.
  deleted,      ///< The file was deleted, and what waited in it could not be saved.
  dropped,      ///< The oldest were given up at bytes_max, as the configuration wants.
};
inline constexpr std::size_t kLossReasons = 4;
const char* name_of(LossReason reason);

/// What was lost for one reason. All counts stop at their largest value.
struct Loss {
  std::uint64_t times = 0;    ///< On how many occasions that was seen; 0: nothing was lost.
  std::uint64_t records = 0;  ///< Those that had been read: nobody knows how many others hold.
  std::uint64_t bytes = 0;    ///< At most.
};

/// By LossReason. What a buffer has lost since somebody last removed kLostAttribute from it; it
/// outlives restarts (FORMAT.md, "What was lost"). It decides nothing, so it has no checksum.
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
/// "truncated: 3 records, 120 bytes; ..." for people; "" where nothing was lost.
std::string text_of(const Losses& losses);

/// For people, behind the text.
inline constexpr const char* kForgetLosses =
    "noted until 'setfattr -x user.punchline.lost FILE' forgets it";

/// What stands in the attribute; lines that do not read are passed over.
/// Errors as BufferFile::attribute().
Result<Losses> noted_losses(BufferFile& file);
/// Adds to what stands there, whoever has written or removed it since, and takes `less` from it.
/// Errors as BufferFile::attribute() and set_attribute(): then nothing is changed.
Status note_losses(BufferFile& file, const Losses& more, const Losses& less = {});

}  // namespace punchline
