#include "agent/core/key_rule.h"

#include <charconv>

#include <fmt/format.h>

#include "buffer/crc32c.h"
#include "buffer/state.h"

namespace punchline {
namespace {

constexpr std::string_view kConstant = "constant ";
constexpr std::string_view kJson = "json ";
constexpr std::string_view kColumn = "column ";

bool set_column(BufferConfig& config, std::string_view rule) {
  const auto* end = rule.data() + rule.size();
  const auto parsed = std::from_chars(rule.data(), end, config.key_column);
  if (parsed.ec != std::errc{} || config.key_column == 0) return false;
  if (end - parsed.ptr != 2 || *parsed.ptr != ' ') return false;
  config.key_separator = std::string(1, parsed.ptr[1]);
  return true;
}

}  // namespace

bool is_json_pointer(std::string_view text) {
  if (!text.starts_with('/')) return false;
  for (auto at = text.find('~'); at != text.npos; at = text.find('~', at + 1)) {
    if (at + 1 == text.size() || (text[at + 1] != '0' && text[at + 1] != '1')) return false;
  }
  return true;
}

std::string key_rule_of(const BufferConfig& config) {
  std::string rule;
  if (!config.key_constant.empty()) {
    rule = std::string(kConstant) + config.key_constant;
  } else if (!config.key_json.empty()) {
    rule = std::string(kJson) + config.key_json;
  } else if (config.key_column > 0) {
    rule = fmt::format("{}{} {}", kColumn, config.key_column, config.key_separator);
  }
  if (rule.size() <= kKeyRuleBytesMax) return rule;
  return fmt::format("checksum {:08x}", crc32c(rule));
}

bool set_key_rule(BufferConfig& config, std::string_view rule) {
  config.key_constant = config.key_json = "";
  config.key_column = 0;
  if (rule.empty()) return true;
  if (rule.starts_with(kConstant)) {
    config.key_constant = rule.substr(kConstant.size());
    return true;
  }
  if (rule.starts_with(kJson)) {
    config.key_json = rule.substr(kJson.size());
    return is_json_pointer(config.key_json);
  }
  return rule.starts_with(kColumn) && set_column(config, rule.substr(kColumn.size()));
}

}  // namespace punchline
