// What libFuzzer does to a configuration, and now and then a further option with a value at the
// edge of what it takes: chance does not find the names of options.

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "agent/config/options.h"

namespace punchline::fuzz {
namespace {

std::string pick(const std::vector<std::string>& texts, std::mt19937& random) {
  return texts[random() % texts.size()];
}

std::string value_for(const Option& option, std::mt19937& random) {
  const std::string choices(option.choices);
  if (!choices.empty())
    return pick(
        {choices, choices.substr(0, choices.find('|')), choices.substr(choices.rfind('|') + 1)},
        random);
  return pick({std::to_string(option.min), std::to_string(option.max),
               std::to_string(option.max + 1), "1MiB", "2s", "true", "/a/b", "${HOME}", "null",
               R"({"a": "b"})", R"({"file": "/dev/null"})"},
              random);
}

// In the file, which ends at the first NUL: behind some brace.
void put_into_file(std::string& text, const Option& option, std::mt19937& random) {
  const auto end = std::min(text.find('\0'), text.size());
  const auto brace = text.find('{', end == 0 ? 0 : random() % end);
  if (brace >= end) return;
  auto value = value_for(option, random);
  if (value.front() != '{' && random() % 2 == 0) value = '"' + value + '"';
  text.insert(brace + 1, '"' + std::string(option.key) + "\": " + value + ", ");
}

// In the environment, which is behind it, its names without what all of them begin with.
void put_into_environment(std::string& text, const Option& option, std::mt19937& random) {
  constexpr std::size_t kPrefixBytes = std::string_view("PUNCHLINE_").size();
  if (option.environment.size() <= kPrefixBytes) return;
  if (text.find('\0') == text.npos) text += '\0';
  text.insert(text.find('\0') + 1, std::string(option.environment.substr(kPrefixBytes)) + '=' +
                                       value_for(option, random) + '\n');
}

}  // namespace
}  // namespace punchline::fuzz

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t size_max);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t size_max, unsigned seed) {
  using namespace punchline::fuzz;
  std::mt19937 random(seed);
  const auto choice = random() % 8;
  if (choice > 1) return LLVMFuzzerMutate(data, size, size_max);
  std::string text(reinterpret_cast<const char*>(data), size);
  const auto table = punchline::option_table();
  const auto& option = table[random() % table.size()];
  if (choice == 0) put_into_file(text, option, random);
  if (choice == 1) put_into_environment(text, option, random);
  if (text.size() > size_max) return size;
  std::copy(text.begin(), text.end(), data);
  return text.size();
}
