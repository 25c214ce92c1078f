// Keys out of records of any bytes, by any pointer or column that a configuration takes: what is
// found stands in the record, as one who reads it in the plainest way sees it.

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "agent/config/key_sources.h"
#include "tests/fuzz/input.h"

namespace punchline::fuzz {
namespace {

std::optional<std::string> key_of(const BufferConfig& config, std::string_view payload) {
  std::string scratch;
  const auto key = make_key_source(config)->key_of(payload, scratch);
  return key ? std::optional(std::string(*key)) : std::nullopt;
}

void check_column(std::string_view payload, std::uint32_t number, char separator) {
  BufferConfig config;
  config.key_column = number;
  config.key_separator = std::string(1, separator);
  std::vector<std::string> columns = {""};
  for (const char byte : payload) {
    if (byte == separator) {
      columns.emplace_back();
    } else {
      columns.back() += byte;
    }
  }
  const auto key = key_of(config, payload);
  must(key.has_value() == (number <= columns.size()), "there is a key where there is the column");
  if (key) must(*key == columns[number - 1], "and it is the column");
}

/// The path from the top to some value, as a pointer; what stands there.
const nlohmann::json& pick(const nlohmann::json& from, Input& input, std::string& pointer) {
  if (!from.is_structured() || from.empty() || input.byte() % 4 == 0) return from;
  auto child = from.begin();
  std::advance(child, input.byte() % from.size());
  std::string name =
      from.is_object() ? child.key() : std::to_string(std::distance(from.begin(), child));
  for (const char byte : name) {
    pointer += byte == '~' ? "~0" : byte == '/' ? "~1" : std::string(1, byte);
  }
  return *child;
}

/// A place that is there: its value is the key, or it is none that can be.
void check_found(const nlohmann::json& record, std::string_view payload, Input& input) {
  BufferConfig config;
  const auto* at = &record;
  for (int depth = input.byte() % 8; depth > 0; --depth) {
    std::string step = "/";
    const auto& next = pick(*at, input, step);
    if (&next == at) break;
    at = &next;
    config.key_json += step;
  }
  if (config.key_json.empty()) return;  // as if nothing were set
  const auto key = key_of(config, payload);
  must(key.has_value() == (at->is_string() || at->is_number() || at->is_boolean()),
       "text, numbers, true and false are keys, and nothing else");
  if (at->is_string()) must(*key == at->get<std::string>(), "a text is itself");
  if (at->is_boolean()) must(*key == (at->get<bool>() ? "true" : "false"), "so is a boolean");
  if (at->is_number_integer()) must(*key == at->dump(), "an integer is as it is written");
  if (at->is_number_float()) must(payload.find(*key) != payload.npos, "a number is as written");
}

/// Any pointer at all.
void check_any(std::string_view pointer, std::string_view payload, bool is_json) {
  BufferConfig config;
  config.key_json = pointer;
  try {
    const nlohmann::json::json_pointer sound{config.key_json};
  } catch (const nlohmann::json::exception&) {
    return;  // a configuration with it is refused
  }
  if (config.key_json.empty()) return;
  const auto key = key_of(config, payload);
  must(is_json || !key, "what is no JSON has no key");
}

}  // namespace
}  // namespace punchline::fuzz

// How the record is looked at, a pointer up to the first NUL, the record.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace punchline::fuzz;
  Input input(data, size);
  Input choices = input;
  (void)input.text(16);
  const std::uint32_t column = 1 + choices.byte() % 8;
  const char separator = static_cast<char>(choices.byte());
  auto rest = input.rest();
  const auto pointer = rest.substr(0, rest.find('\0'));
  rest.remove_prefix(std::min(pointer.size() + 1, rest.size()));
  check_column(rest, column, separator);
  const auto record = nlohmann::json::parse(rest, nullptr, false);
  check_any(pointer, rest, !record.is_discarded());
  if (!record.is_discarded()) check_found(record, rest, choices);
  return 0;
}
