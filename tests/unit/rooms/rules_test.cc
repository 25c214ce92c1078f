// Each numbered rule of buffer/FORMAT.md has a test that names it in its tags, and a break in
// tests/mutations that names it in its line `rule`.

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using punchline::testing::read_file;
using Rules = std::set<std::string>;

const fs::path kSource = PUNCHLINE_SOURCE_DIR;

/// The first group of each match.
void add_matches(const std::string& text, const std::regex& pattern, Rules& rules) {
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    rules.insert((*at)[1]);
}

/// Rows `| R3 | ...` and paragraphs `**R7.** ...`.
Rules rules_of_the_format() {
  const auto text = read_file(kSource / "buffer/FORMAT.md");
  Rules rules;
  add_matches(text, std::regex(R"((?:^|\n)\| ([A-Z][0-9]+) \|)"), rules);
  add_matches(text, std::regex(R"(\*\*([A-Z][0-9]+)\.)"), rules);
  return rules;
}

Rules rules_in(const char* folder, const std::string& extension, const std::regex& outer,
               const std::regex& inner) {
  Rules rules;
  for (const auto& entry : fs::recursive_directory_iterator(kSource / folder)) {
    if (entry.path().extension() != extension) continue;
    Rules texts;
    add_matches(read_file(entry.path()), outer, texts);
    for (const auto& text : texts)
      add_matches(text, inner, rules);
  }
  return rules;
}

std::string list(const Rules& rules) {
  std::string all;
  for (const auto& rule : rules)
    all.append(all.empty() ? "" : " ").append(rule);
  return all;
}

Rules without(const Rules& rules, const Rules& others) {
  Rules rest;
  std::set_difference(rules.begin(), rules.end(), others.begin(), others.end(),
                      std::inserter(rest, rest.end()));
  return rest;
}

}  // namespace

TEST_CASE("each rule of the format has a test that names it") {
  const auto rules = rules_of_the_format();
  REQUIRE(rules.size() > 80);
  const auto tested = rules_in("tests", ".cc", std::regex(R"x("((?:\[[A-Z][0-9]+\])+)"\))x"),
                               std::regex(R"(\[([A-Z][0-9]+)\])"));
  CHECK(list(without(rules, tested)) == "");
  CHECK(list(without(tested, rules)) == "");
}

// What is taken for granted (K) is the kernel's, and none of ours to break.
TEST_CASE("each rule of the format has a break that names it") {
  const auto rules = rules_of_the_format();
  const auto broken = rules_in("tests/mutations", ".break", std::regex("\nrule ([^\n]*)"),
                               std::regex("([A-Z][0-9]+)"));
  Rules unbroken;
  for (const auto& rule : without(rules, broken))
    if (rule[0] != 'K') unbroken.insert(rule);
  CHECK(list(unbroken) == "");
  CHECK(list(without(broken, rules)) == "");
}
