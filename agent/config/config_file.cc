#include "agent/config/config_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <system_error>

#include <nlohmann/json.hpp>

#include "agent/config/config_error.h"

namespace punchline {
namespace {

using nlohmann::json;

constexpr std::size_t kConfigBytesMax = 4 << 20;

[[noreturn]] void refuse(const std::string& text) {
  throw ConfigError(ExitCode::config, text);
}

// `byte` counts from 1, and can be one past the end.
std::string line_and_column(std::string_view text, std::size_t byte) {
  const auto before = text.substr(0, byte == 0 ? 0 : byte - 1);
  const auto line = std::ranges::count(before, '\n') + 1;
  const auto newline = before.rfind('\n');
  const auto column =
      newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  return std::to_string(line) + ':' + std::to_string(column + 1);
}

// The library quotes what it has read last. That may be a password without its closing quote.
std::string without_quotation(std::string text) {
  const auto begin = text.find("; last read: '");
  if (begin == std::string::npos) return text;
  const auto end = text.rfind("'; expected ");
  return text.substr(0, begin) + (end == std::string::npos ? "" : text.substr(end + 1));
}

// The library's own words, without its prefix and its count of lines.
std::string reason_of(const json::parse_error& error) {
  const std::string text = error.what();
  const auto column = text.find("column ");
  const auto colon = text.find(": ", column == std::string::npos ? 0 : column);
  return without_quotation(colon == std::string::npos ? text : text.substr(colon + 2));
}

// A hint at something that JSON does not allow and people write all the same; empty if there is
// none. `byte` as above.
std::string hint_at(std::string_view text, std::size_t byte) {
  if (byte == 0 || byte > text.size()) return "";
  const char met = text[byte - 1];
  if (met == '#') return "; a comment begins with // or stands between /* and */";
  const auto before = text.substr(0, byte - 1).find_last_not_of(" \t\r\n");
  const bool is_end = met == '}' || met == ']';
  if (is_end && before != std::string_view::npos && text[before] == ',') {
    return "; behind the last entry there is no comma";
  }
  return "";
}

// Refuses two equal keys. The library would keep the last one and say nothing.
class DuplicateKeys {
 public:
  explicit DuplicateKeys(const std::string& name) : name_(name) {}

  bool operator()(int, json::parse_event_t event, const json& parsed) {
    if (event == json::parse_event_t::object_start) open_.emplace_back();
    if (event == json::parse_event_t::object_end) open_.pop_back();
    if (event == json::parse_event_t::key) {
      const auto key = parsed.get<std::string>();
      if (!open_.back().insert(key).second) refuse(name_ + ": key \"" + key + "\" stands twice");
    }
    return true;
  }

 private:
  const std::string& name_;
  std::vector<std::set<std::string>> open_;
};

json parse_json(std::string_view text, const std::string& name) {
  try {
    return json::parse(text, DuplicateKeys(name), true, true);
  } catch (const json::parse_error& error) {
    refuse(name + ':' + line_and_column(text, error.byte) + ": " + reason_of(error) +
           hint_at(text, error.byte));
  }
}

RawValue raw_value(const json& value) {
  using Kind = RawValue::Kind;
  if (value.is_string()) return {Kind::text, value.get<std::string>()};
  if (value.is_number()) return {Kind::number, value.dump()};
  if (value.is_boolean()) return {Kind::boolean, value.dump()};
  if (value.is_object()) return {Kind::object, value.dump()};
  return {Kind::other, value.dump()};
}

// {"file": PATH} is not an object to be taken as it is. It names the place of the value.
RawValue property_value(const json& value) {
  if (value.is_object() && value.size() == 1 && value.contains("file") &&
      value.at("file").is_string()) {
    return {RawValue::Kind::file, value.at("file").get<std::string>()};
  }
  return raw_value(value);
}

// Opening a FIFO waits for its writer, perhaps for ever.
void expect_regular(const std::string& path) {
  std::error_code none;
  const auto found = std::filesystem::status(path, none);
  if (!std::filesystem::exists(found) || std::filesystem::is_regular_file(found)) return;
  refuse("config file " + path + ": is not a regular file, which only a start may wait for");
}

// Collects entries while it walks down; `where_` is the path so far.
class Walk {
 public:
  explicit Walk(std::string name) : name_(std::move(name)) {}

  ConfigFile run(const json& root) {
    expect(root.is_object(), name_, "the file", "an object: {\"buffers\": [...], ...}");
    for (const auto& [key, value] : root.items())
      take_top(key, value);
    return std::move(file_);
  }

 private:
  void take_top(const std::string& key, const json& value) {
    const auto where = name_ + ": " + key;
    if (key == "buffers") return take_buffers(value, where);
    if (key == "kafka") return take_section(OptionScope::kafka, value, where);
    if (key == "http") return take_section(OptionScope::http, value, where);
    if (find_option(OptionScope::top, key) == nullptr) {
      throw_unknown_key(OptionScope::top, key, name_);
    }
    file_.entries.push_back({OptionScope::top, 0, key, raw_value(value), where});
  }

  void take_buffers(const json& value, const std::string& where) {
    expect(value.is_array(), name_, "\"buffers\"", "an array of objects: [{\"path\": ...}]");
    for (const auto& buffer : value) {
      take_section(OptionScope::buffer, buffer, where + '[' + std::to_string(file_.buffers) + ']');
      ++file_.buffers;
    }
  }

  void take_section(OptionScope scope, const json& value, const std::string& where) {
    expect(value.is_object(), where, "this", "an object: {...}");
    for (const auto& [key, item] : value.items()) {
      if (scope != OptionScope::kafka && find_option(scope, key) == nullptr) {
        throw_unknown_key(scope, key, where);
      }
      const auto place = std::string(where).append(".").append(key);
      auto raw = scope == OptionScope::kafka ? property_value(item) : raw_value(item);
      file_.entries.push_back({scope, file_.buffers, key, std::move(raw), place});
    }
  }

  static void expect(bool holds, const std::string& where, const std::string& what,
                     const std::string& wanted) {
    if (!holds) refuse(where + ": " + what + " has to be " + wanted);
  }

  std::string name_;
  ConfigFile file_;
};

}  // namespace

std::string read_config_file(const std::string& path, ConfigReading reading) {
  if (reading == ConfigReading::regular_files_only) expect_regular(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) refuse("config file " + path + ": " + std::generic_category().message(errno));
  std::string text(kConfigBytesMax + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) refuse("config file " + path + ": " + std::generic_category().message(errno));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > kConfigBytesMax) refuse("config file " + path + ": larger than 4 MiB");
  return text;
}

std::optional<HeaderList> parse_text_pairs(const std::string& text) {
  try {
    const auto object = nlohmann::ordered_json::parse(text);
    if (!object.is_object()) return std::nullopt;
    HeaderList pairs;
    for (const auto& [name, value] : object.items()) {
      if (!value.is_string()) return std::nullopt;
      pairs.emplace_back(name, value.get<std::string>());
    }
    return pairs;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

ConfigFile parse_config_file(std::string_view text, const std::string& name) {
  return Walk(name).run(parse_json(text, name));
}

}  // namespace punchline
