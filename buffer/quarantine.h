#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/base/byte_range.h"
#include "buffer/frame.h"
#include "buffer/item.h"
#include "buffer/state.h"

namespace punchline {

/// Describes a stretch that was set aside. It is stored as the headers of the stretch's copy.
struct QuarantineLabel {
  SetAsideReason reason = SetAsideReason::none;
  Format format = Format::none;  ///< The format of the buffer it comes from.
  std::string buffer;            ///< UUID of that buffer, as text.
  std::string topic;
  Position position = 0;    ///< Of the stretch's first byte.
  std::uint64_t bytes = 0;  ///< Of the whole stretch; its copy may hold fewer, see content_of().
  /// With reason `refused`: the destination's answer, and the partition it was meant for.
  struct Refusal {
    std::int32_t partition = 0;
    std::int32_t code = 0;  ///< rd_kafka_resp_err_t.
    std::string error;      ///< Its name, "MSG_SIZE_TOO_LARGE".
    friend bool operator==(const Refusal&, const Refusal&) = default;
  };
  std::optional<Refusal> refusal = std::nullopt;

  friend bool operator==(const QuarantineLabel&, const QuarantineLabel&) = default;
};

/// A quarantine is a buffer in format frames beside the buffer: BUFFER.quarantine
/// (buffer/FORMAT.md, "Quarantine"). Each of its records holds the bytes of one stretch. The label
/// is stored in headers whose names begin with "punchline.".
std::string quarantine_path(const std::string& buffer_path);
/// The reverse of quarantine_path(). Empty if `path` is not the name of a quarantine.
std::optional<std::string> quarantined_buffer_path(const std::string& path);

/// The label as headers. Keep the strings as long as views into them are in use.
std::vector<std::pair<std::string, std::string>> headers_of(const QuarantineLabel& label);
/// The reverse of headers_of(). Empty if these are not the headers of a quarantined stretch.
std::optional<QuarantineLabel> label_of(const std::vector<FrameRecord::Header>& headers);

/// The bytes of a stretch that its copy holds. In frames all of them. In lines all but the newline
/// that ends it and, unless it is a whole record, the NULs at its beginning and end.
std::string_view content_of(const QuarantineLabel& label, std::string_view stretch);

/// No copy larger than this is made: such a stretch stays where it is.
inline constexpr std::uint64_t kQuarantinedBytesMax = 16ULL << 20U;
/// The record_bytes_max of a quarantine: the largest copy and its label.
inline constexpr std::uint32_t kQuarantineRecordBytesMax = kQuarantinedBytesMax + 64 * 1024;

/// Whether the stretch is a whole record, which can go back to its buffer without an operator's
/// judgement.
bool is_whole(const QuarantineLabel& label);

}  // namespace punchline
