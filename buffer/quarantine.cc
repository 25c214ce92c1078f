#include "buffer/quarantine.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace punchline {
namespace {

constexpr std::string_view kSuffix = ".quarantine";
constexpr std::string_view kReason = "punchline.reason";
constexpr std::string_view kFormat = "punchline.format";
constexpr std::string_view kBuffer = "punchline.buffer";
constexpr std::string_view kTopic = "punchline.topic";
constexpr std::string_view kPosition = "punchline.position";
constexpr std::string_view kBytes = "punchline.bytes";
constexpr std::string_view kPartition = "punchline.partition";
constexpr std::string_view kErrorCode = "punchline.error_code";
constexpr std::string_view kError = "punchline.error";

std::optional<std::string_view> value_of(const std::vector<FrameRecord::Header>& headers,
                                         std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return header.name == name; });
  return found == headers.end() ? std::nullopt : found->value;
}

template <class Number = std::uint64_t>
std::optional<Number> number_of(const std::vector<FrameRecord::Header>& headers,
                                std::string_view name) {
  const auto text = value_of(headers, name);
  if (!text) return std::nullopt;
  Number number = 0;
  const auto* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

/// The value of an enumeration from 1 to `count - 1` that has this name.
template <class Named>
std::optional<Named> named(std::optional<std::string_view> name, std::size_t count) {
  for (std::size_t i = 1; name && i < count; ++i) {
    if (*name == name_of(static_cast<Named>(i))) return static_cast<Named>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string quarantine_path(const std::string& buffer_path) {
  return buffer_path + std::string(kSuffix);
}

std::optional<std::string> quarantined_buffer_path(const std::string& path) {
  if (!path.ends_with(kSuffix) || path.size() == kSuffix.size()) return std::nullopt;
  return path.substr(0, path.size() - kSuffix.size());
}

std::vector<std::pair<std::string, std::string>> headers_of(const QuarantineLabel& label) {
  std::vector<std::pair<std::string, std::string>> headers = {
      {std::string(kReason), name_of(label.reason)},
      {std::string(kFormat), name_of(label.format)},
      {std::string(kBuffer), label.buffer},
      {std::string(kTopic), label.topic},
      {std::string(kPosition), std::to_string(label.position.value())},
      {std::string(kBytes), std::to_string(label.bytes)}};
  if (label.refusal) {
    headers.emplace_back(kPartition, std::to_string(label.refusal->partition));
    headers.emplace_back(kErrorCode, std::to_string(label.refusal->code));
    headers.emplace_back(kError, label.refusal->error);
  }
  return headers;
}

std::optional<QuarantineLabel> label_of(const std::vector<FrameRecord::Header>& headers) {
  const auto reason = named<SetAsideReason>(value_of(headers, kReason), kSetAsideReasons);
  const auto format = named<Format>(value_of(headers, kFormat), 3);
  const auto buffer = value_of(headers, kBuffer);
  const auto position = number_of(headers, kPosition);
  const auto bytes = number_of(headers, kBytes);
  if (!reason || !format || !buffer || !position || !bytes) return std::nullopt;
  QuarantineLabel label{
      *reason,   *format, std::string(*buffer), std::string(value_of(headers, kTopic).value_or("")),
      Position(*position), *bytes};
  const auto partition = number_of<std::int32_t>(headers, kPartition);
  const auto code = number_of<std::int32_t>(headers, kErrorCode);
  if (partition && code) {
    label.refusal = {*partition, *code, std::string(value_of(headers, kError).value_or(""))};
  }
  return label;
}

// The NULs of a whole line are its producer's own, and stay. Freed space ends with a newline (F2),
// and a line that begins with as many NULs as a gap has is not whole (R4).
std::string_view content_of(const QuarantineLabel& label, std::string_view stretch) {
  if (label.format == Format::frames) return stretch;
  if (stretch.ends_with('\n')) stretch.remove_suffix(1);
  if (is_whole(label)) return stretch;
  const auto begin = std::min(stretch.find_first_not_of('\0'), stretch.size());
  const auto end = stretch.find_last_not_of('\0');
  return end == std::string_view::npos ? "" : stretch.substr(begin, end + 1 - begin);
}

bool is_whole(const QuarantineLabel& label) {
  return label.reason == SetAsideReason::oversize || label.reason == SetAsideReason::refused;
}

}  // namespace punchline
