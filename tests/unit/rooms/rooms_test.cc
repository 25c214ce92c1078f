// Every include of the program is one that its room may have.
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

namespace {

namespace fs = std::filesystem;
using punchline::testing::read_file;

const fs::path kSource = PUNCHLINE_SOURCE_DIR;

struct Room {
  std::set<std::string> rooms;      ///< That it may use.
  std::set<std::string> libraries;  ///< "kernel" stands for all C headers.
};
using Rooms = std::map<std::string, Room>;

/// The words in backquotes.
std::vector<std::string> quoted(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream parts(text);
  std::string part;
  for (bool inside = false; std::getline(parts, part, '`'); inside = !inside)
    if (inside) words.push_back(part);
  return words;
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream parts(line);
  for (std::string cell; std::getline(parts, cell, '|');)
    cells.push_back(cell);
  return cells;
}

/// Rows `| room | rooms | libraries | words |`, of which each may use rooms above it alone.
Rooms read_table() {
  Rooms table;
  std::istringstream lines(read_file(kSource / "agent/ARCHITECTURE.md"));
  for (std::string line; std::getline(lines, line);) {
    const auto row = cells(line);
    if (row.size() != 5 || quoted(row[1]).size() != 1) continue;
    Room room;
    for (const auto& name : quoted(row[2])) {
      INFO(line);
      CHECK(table.count(name) == 1);
      room.rooms.insert(name);
    }
    for (const auto& name : quoted(row[3]))
      room.libraries.insert(name);
    table[quoted(row[1])[0]] = room;
  }
  return table;
}

/// Nothing for the standard library of C++, and for the types that POSIX names.
std::optional<std::string> library_of(const std::string& header) {
  static const std::set<std::string> kOfOthers = {"CLI",        "fmt",        "isa-l", "librdkafka",
                                                  "microhttpd", "nlohmann",   "spdlog",
                                                  "prometheus", "openssl"};
  if (header == "sys/types.h") return std::nullopt;
  const auto first = header.substr(0, header.find_first_of("/."));
  if (kOfOthers.count(first) == 1) return first;
  if (header.find('/') == std::string::npos && header.find(".h") == std::string::npos)
    return std::nullopt;
  return "kernel";
}

/// What is wrong with this include of a file of `name`, if anything is.
bool is_allowed(const std::string& include, const std::string& name, const Room& room) {
  const auto what = include.substr(1, include.size() - 2);
  if (include[0] == '<') {
    const auto library = library_of(what);
    return !library || room.libraries.count(*library) == 1;
  }
  const auto other = fs::path(what).parent_path().string();
  return other == name || room.rooms.count(other) == 1;
}

/// With their brackets or quotes.
std::vector<std::string> includes_of(const fs::path& path) {
  static const std::string kInclude = "#include ";
  std::vector<std::string> found;
  std::istringstream lines(read_file(path));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(kInclude)) continue;
    const auto end = line.find_first_of(">\"", kInclude.size() + 1);
    found.push_back(line.substr(kInclude.size(), end + 1 - kInclude.size()));
  }
  return found;
}

}  // namespace

TEST_CASE("each include is one that its room may have") {
  const auto table = read_table();
  REQUIRE(table.size() > 5);
  std::size_t files = 0;
  for (const char* top : {"agent", "buffer", "sinks"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kSource / top)) {
      const auto extension = entry.path().extension();
      if (extension != ".h" && extension != ".cc") continue;
      const auto file = entry.path().lexically_relative(kSource);
      const auto name = file.parent_path().string();
      INFO(file.string());
      REQUIRE(table.count(name) == 1);
      ++files;
      for (const auto& include : includes_of(entry.path())) {
        INFO(include);
        CHECK(is_allowed(include, name, table.at(name)));
      }
    }
  }
  CHECK(files > 100);
}
