#include "agent/config/key_sources.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace punchline {
namespace {

using nlohmann::json;

class Constant final : public KeySource {
 public:
  explicit Constant(std::string key) : key_(std::move(key)) {}
  std::optional<std::string_view> key_of(std::string_view, std::string&) const override {
    return key_;
  }

 private:
  std::string key_;
};

class Column final : public KeySource {
 public:
  Column(std::uint32_t number, char separator) : before_(number - 1), separator_(separator) {}
  std::optional<std::string_view> key_of(std::string_view payload, std::string&) const override {
    for (auto left = before_; left > 0; --left) {
      const auto end = payload.find(separator_);
      if (end == std::string_view::npos) return std::nullopt;
      payload.remove_prefix(end + 1);
    }
    return payload.substr(0, payload.find(separator_));
  }

 private:
  std::uint32_t before_;
  char separator_;
};

// A number that is not an integer of 64 bits becomes its text. As a double it would lose digits,
// and different keys would become one.
class NumbersAsText : public nlohmann::detail::json_sax_dom_parser<json> {
 public:
  using json_sax_dom_parser::json_sax_dom_parser;
  bool number_float(double, const std::string& written) {
    auto text = written;
    return string(text);
  }
};

class Json final : public KeySource {
 public:
  explicit Json(const std::string& pointer) : pointer_(pointer) {}
  std::optional<std::string_view> key_of(std::string_view payload,
                                         std::string& scratch) const override {
    json record;
    NumbersAsText into(record, false);
    if (!json::sax_parse(payload, &into) || !contains(record)) return std::nullopt;
    const auto& found = record[pointer_];
    if (found.is_string()) {
      scratch = found.get_ref<const std::string&>();
    } else if (found.is_number() || found.is_boolean()) {
      scratch = found.dump();
    } else {
      return std::nullopt;
    }
    return scratch;
  }

 private:
  // "/a/x" of a record in which a is an array is an error to the library. To us it is no key.
  bool contains(const json& record) const {
    try {
      return record.contains(pointer_);
    } catch (const json::exception&) {
      return false;
    }
  }

  json::json_pointer pointer_;
};

}  // namespace

std::unique_ptr<KeySource> make_key_source(const BufferConfig& config) {
  if (!config.key_constant.empty()) return std::make_unique<Constant>(config.key_constant);
  if (!config.key_json.empty()) return std::make_unique<Json>(config.key_json);
  if (config.key_column == 0) return nullptr;
  return std::make_unique<Column>(config.key_column, config.key_separator.front());
}

}  // namespace punchline
