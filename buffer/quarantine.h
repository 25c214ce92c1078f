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

/// What is known of a stretch that was set aside; kept as the headers of its copy.
struct QuarantineLabel {
  SetAsideReason reason = SetAsideReason::none;
  Format format = Format::none;  ///< Of the buffer it comes from.
  std::string buffer;            ///< UUID of that buffer, as text.
  std::string topic;
  Position position = 0;    ///< Of the stretch's first byte.
  std::uint64_t bytes = 0;  ///< Of the whole stretch; the payload may be less, see content_of().
  /// Reason `refused`: what the destination said, and which partition it would have gone to.
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
/// (buffer/FORMAT.md, "Quarantine"). Each of its records holds the bytes of one stretch; the label
/// stands in headers whose names begin with "punchline.".
std::string quarantine_path(const std::string& buffer_path);
/// The other way; nothing where the name does not end so.
std::optional<std::string> quarantined_buffer_path(const std::string& path);

/// The label as headers. Own the strings as long as views into them are in use.
std::vector<std::pair<std::string, std::string>> headers_of(const QuarantineLabel& label);
/// Nothing where these are not the headers of a quarantined stretch.
std::optional<QuarantineLabel> label_of(const std::vector<FrameRecord::Header>& headers);

/// Which of a stretch's bytes are kept: in lines not the newline that ends it, nor the NULs around
/// what is not whole; in frames all of them.
std::string_view content_of(const QuarantineLabel& label, std::string_view stretch);

/// Copies larger than this are not made: such a stretch stays where it is.
inline constexpr std::uint64_t kQuarantinedBytesMax = 16ULL << 20U;
/// The record_bytes_max of a quarantine: such a copy and its label.
inline constexpr std::uint32_t kQuarantineRecordBytesMax = kQuarantinedBytesMax + 64 * 1024;

/// What can be given back to its buffer as a record without anybody's judgement.
bool is_whole(const QuarantineLabel& label);

}  // namespace punchline
