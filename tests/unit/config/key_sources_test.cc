#include "agent/config/key_sources.h"

#include "tests/support/catch.h"

using namespace punchline;

namespace {

std::string key(const BufferConfig& config, std::string_view payload) {
  std::string scratch = "of the record before";
  const auto source = make_key_source(config);
  const auto found = source->key_of(payload, scratch);
  return found ? "<" + std::string(*found) + ">" : "none";
}

}  // namespace

TEST_CASE("nothing set, no key") {
  CHECK(make_key_source({}) == nullptr);
}

TEST_CASE("a key by JSON pointer is text, a number, true or false") {
  BufferConfig config;
  config.key_json = "/a/0/b~1c";
  CHECK(key(config, R"({"a": [{"b/c": "x"}]})") == "<x>");
  CHECK(key(config, R"({"a": [{"b/c": ""}]})") == "<>");
  CHECK(key(config, R"({"a": [{"b/c": "\u00fc\"\n"}]})") == "<\xc3\xbc\"\n>");
  CHECK(key(config, R"({"a": [{"b/c": 12}]})") == "<12>");
  CHECK(key(config, R"({"a": [{"b/c": 1.5}]})") == "<1.5>");
  CHECK(key(config, R"({"a": [{"b/c": true}]})") == "<true>");
  for (const auto* payload :
       {R"({"a": [{"b/c": null}]})", R"({"a": [{"b/c": {}}]})", R"({"a": [{"b/c": []}]})",
        R"({"a": []})", R"({"a": {"0": 1}})", R"({"a": "text"})", R"({"A": 1})", "[]", "1", "",
        "no json", R"({"a": [{"b/c": "x"})", "{\"a\": [{\"b/c\": \"\xff\"}]}"}) {
    INFO(payload);
    CHECK(key(config, payload) == "none");
  }
}

TEST_CASE("a number is the key as it is written, whatever its size") {
  BufferConfig config;
  config.key_json = "/a";
  for (const auto* number :
       {"0", "-7", "18446744073709551615", "18446744073709551616", "-9223372036854775809",
        "123456789012345678901234567890", "0.1234567890123456789", "1.10", "1E5"}) {
    CHECK(key(config, R"({"a": )" + std::string(number) + "}") == "<" + std::string(number) + ">");
  }
  CHECK(key(config, R"({"a": 1e999})") == "none");
}

TEST_CASE("an array is not asked for a name") {
  BufferConfig config;
  config.key_json = "/a/name";
  CHECK(key(config, R"({"a": [1, 2]})") == "none");
  CHECK(key(config, R"({"a": {"name": 3}})") == "<3>");
  config.key_json = "/a/-";
  CHECK(key(config, R"({"a": [1, 2]})") == "none");
}

TEST_CASE("deep nesting is no way to bring it down") {
  BufferConfig config;
  config.key_json = "/a";
  CHECK(key(config, std::string(100'000, '[')) == "none");
  CHECK(key(config, std::string(100'000, '[') + std::string(100'000, ']')) == "none");
}

TEST_CASE("a key by column") {
  BufferConfig config;
  config.key_column = 2;
  config.key_separator = ",";
  CHECK(key(config, "a,b,c") == "<b>");
  CHECK(key(config, "a,b") == "<b>");
  CHECK(key(config, "a,") == "<>");
  CHECK(key(config, "a") == "none");
  CHECK(key(config, "") == "none");
  config.key_column = 1;
  CHECK(key(config, "a") == "<a>");
  CHECK(key(config, "") == "<>");
}

TEST_CASE("a constant key") {
  BufferConfig config;
  config.key_constant = "k";
  CHECK(key(config, "whatever") == "<k>");
}
