#include "agent/config/options.h"

#include <algorithm>
#include <charconv>

#include "agent/config/config_error.h"
#include "agent/config/config_file.h"
#include "buffer/base/nearest.h"

namespace punchline {
namespace {

constexpr std::string_view kTrue[] = {"true", "1", "yes", "on"};
constexpr std::string_view kFalse[] = {"false", "0", "no", "off"};

/// Keys that people write for the addresses of Kafka.
constexpr std::string_view kServers[] = {
    "broker",           "brokers",          "kafka_brokers",     "servers",
    "bootstrap",        "bootstrap_server", "bootstrap_servers", "bootstrap.server",
};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
  return std::ranges::find(words, word) != words.end();
}

std::optional<std::uint64_t> parse_whole(std::string_view text, int base) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> parse_choice(std::string_view text, std::string_view choices) {
  std::uint64_t index = 0;
  while (!choices.empty()) {
    const auto end = choices.find('|');
    if (choices.substr(0, end) == text) return index;
    if (end == std::string_view::npos) break;
    choices.remove_prefix(end + 1);
    ++index;
  }
  return std::nullopt;
}

bool kind_fits(OptionType type, RawValue::Kind kind) {
  using Kind = RawValue::Kind;
  if (kind == Kind::untyped) return true;
  switch (type) {
    case OptionType::boolean:
      return kind == Kind::boolean;
    case OptionType::count:
      return kind == Kind::number;
    case OptionType::bytes:
    case OptionType::duration:
      return kind == Kind::number || kind == Kind::text;
    case OptionType::text:
    case OptionType::mode:
    case OptionType::choice:
      return kind == Kind::text;
    case OptionType::pairs:
      return kind == Kind::object;
  }
  return false;
}

std::optional<OptionValue> parse_boolean(std::string_view text) {
  if (is_one_of(text, kTrue)) return OptionValue{true};
  if (is_one_of(text, kFalse)) return OptionValue{false};
  return std::nullopt;
}

std::optional<std::uint64_t> parse_number(const Option& option, std::string_view text) {
  switch (option.type) {
    case OptionType::count:
      return parse_whole(text, 10);
    case OptionType::mode:
      return parse_whole(text, 8);
    case OptionType::bytes:
      return parse_bytes(text);
    case OptionType::duration:
      return parse_duration_ms(text);
    case OptionType::choice:
      return parse_choice(text, option.choices);
    case OptionType::text:
    case OptionType::boolean:
    case OptionType::pairs:
      break;
  }
  return std::nullopt;
}

std::optional<OptionValue> parse(const Option& option, const RawValue& raw) {
  if (!kind_fits(option.type, raw.kind)) return std::nullopt;
  if (option.type == OptionType::text) return OptionValue{raw.text};
  if (option.type == OptionType::boolean) return parse_boolean(raw.text);
  if (option.type == OptionType::pairs) {
    const auto pairs = parse_text_pairs(raw.text);
    return pairs ? std::optional(OptionValue{*pairs}) : std::nullopt;
  }
  const auto number = parse_number(option, raw.text);
  if (!number) return std::nullopt;
  return OptionValue{*number};
}

std::string wanted(const Option& option) {
  switch (option.type) {
    case OptionType::text:
      return "text";
    case OptionType::boolean:
      return "true or false";
    case OptionType::count:
      return "a whole number";
    case OptionType::bytes:
      return "a size: a whole number of bytes, or text such as \"64KiB\" (units: " + byte_units() +
             ")";
    case OptionType::duration:
      return "a time: a whole number of seconds, or text such as \"500ms\" (units: " +
             duration_units() + ")";
    case OptionType::mode:
      return "permissions as octal text such as \"0640\"";
    case OptionType::choice:
      return "one of " + std::string(option.choices);
    case OptionType::pairs:
      return "an object of text: {\"name\": \"value\"}, no name twice";
  }
  return "";
}

// As the operator wrote it: text of a JSON file in its quotes.
std::string shown(const RawValue& raw) {
  return raw.kind == RawValue::Kind::text ? '"' + raw.text + '"' : raw.text;
}

std::string format_number(const Option& option, std::uint64_t number) {
  if (option.type == OptionType::bytes) return format_bytes(number);
  if (option.type == OptionType::duration) return format_duration_ms(number);
  if (option.type != OptionType::mode) return std::to_string(number);
  std::string octal(4, '0');
  for (auto digit = octal.rbegin(); digit != octal.rend(); ++digit, number /= 8) {
    *digit = static_cast<char>('0' + number % 8);
  }
  return octal;
}

std::string choice_at(std::string_view choices, std::uint64_t index) {
  for (; index > 0; --index)
    choices.remove_prefix(choices.find('|') + 1);
  return std::string(choices.substr(0, choices.find('|')));
}

}  // namespace

const Option* find_option(OptionScope scope, std::string_view key) {
  for (const auto& option : option_table()) {
    if (option.scope == scope && option.key == key) return &option;
  }
  return nullptr;
}

std::vector<std::string_view> keys_of(OptionScope scope) {
  std::vector<std::string_view> keys;
  for (const auto& option : option_table()) {
    if (option.scope == scope && option.key != "*") keys.push_back(option.key);
  }
  return keys;
}

std::string_view name_of(OptionScope scope) {
  switch (scope) {
    case OptionScope::command:
      return "the command line";
    case OptionScope::top:
      return "the top level";
    case OptionScope::buffer:
      return "\"buffers\": [{...}]";
    case OptionScope::http:
      return "\"http\": {...}";
    case OptionScope::kafka:
      return "\"kafka\": {...}";
  }
  return "";
}

std::string range_of(const Option& option) {
  if (option.type == OptionType::choice) return std::string(option.choices);
  if (option.max == 0) return "";
  return format_number(option, option.min) + " to " + format_number(option, option.max);
}

std::string_view unit_of(const Option& option) {
  if (option.type == OptionType::bytes) return "bytes";
  if (option.type == OptionType::duration) return "seconds";
  return "";
}

std::string default_of(const Option& option) {
  if (option.field.get == nullptr) return "";
  const auto value = option.field.get(Config{}, BufferConfig{});
  if (const auto* text = std::get_if<std::string>(&value)) return *text == "\t" ? "\\t" : *text;
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (option.type == OptionType::pairs) return "";
  const auto number = std::get<std::uint64_t>(value);
  if (option.type == OptionType::choice) return choice_at(option.choices, number);
  return format_number(option, number);
}

void throw_unknown_key(OptionScope scope, std::string_view key, const std::string& where) {
  auto text = where + ": unknown key \"" + std::string(key) + '"';
  for (const auto& option : option_table()) {
    if (option.key != key || option.scope == OptionScope::command) continue;
    throw ConfigError(ExitCode::config,
                      text + "; it belongs into " + std::string(name_of(option.scope)));
  }
  if (is_one_of(key, kServers)) {
    throw ConfigError(ExitCode::config, text + "; the addresses of Kafka belong into \"kafka\": "
                                               "{\"bootstrap.servers\": \"k1:9092\"}");
  }
  auto known = keys_of(scope);
  if (scope == OptionScope::top) known.insert(known.begin(), {"buffers", "kafka", "http"});
  throw ConfigError(ExitCode::config, text + "; the nearest known key is \"" +
                                          std::string(nearest(key, known)) + '"');
}

OptionValue convert(const Option& option, const RawValue& raw, const std::string& where,
                    ExitCode code) {
  const auto range = option.max == 0 ? "" : "; allowed: " + range_of(option);
  const auto value = parse(option, raw);
  if (!value)
    throw ConfigError(code, where + ": " + shown(raw) + " is not " + wanted(option) + range);
  const auto* number = std::get_if<std::uint64_t>(&*value);
  if (number == nullptr || option.max == 0) return *value;
  if (*number >= option.min && *number <= option.max) return *value;
  const auto unit = std::string(unit_of(option));
  throw ConfigError(code, where + ": " + shown(raw) + " is out of range" + range +
                              (unit.empty() ? "" : ", in " + unit));
}

}  // namespace punchline
