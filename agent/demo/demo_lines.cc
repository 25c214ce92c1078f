#include "agent/demo/demo_lines.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

namespace punchline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLinesMax = 20'000;
constexpr std::size_t kLinesPerFileMax = 5'000;
constexpr std::size_t kLinesEnough = 1'000;
constexpr std::size_t kLineBytesMax = 2'000;
constexpr std::size_t kFilesMax = 2'000;  // looked at
constexpr int kNumberDigits = 8;

bool is_text(std::string_view line) {
  return std::ranges::none_of(line, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 && c != '\t';
  });
}

// The lines of a text file. Empty for a file with binary lines (wtmp, journal, compressed files).
std::vector<std::string> lines_of(const fs::path& path) {
  std::vector<std::string> lines;
  std::ifstream in(path, std::ios::binary);
  for (std::string line; lines.size() < kLinesPerFileMax && std::getline(in, line);) {
    if (!is_text(line)) return {};
    if (!line.empty() && line.size() <= kLineBytesMax) lines.push_back(line);
  }
  return lines;
}

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  auto at = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied,
                                             error);
  for (; !error && at != fs::recursive_directory_iterator() && files.size() < kFilesMax;
       at.increment(error)) {
    std::error_code unreadable;
    if (at->is_regular_file(unreadable) && !at->is_symlink(unreadable)) files.push_back(at->path());
  }
  std::ranges::sort(files);
  return files;
}

struct Found {
  std::vector<std::string> texts;
  std::vector<std::string> sources;

  void take(const fs::path& path) {
    auto lines = lines_of(path);
    lines.resize(std::min(lines.size(), kLinesMax - texts.size()));
    if (lines.empty()) return;
    sources.push_back(fmt::format("{} ({} lines)", path.string(), lines.size()));
    std::ranges::move(lines, std::back_inserter(texts));
  }

  void look_below(const fs::path& folder, std::size_t enough) {
    for (const auto& path : files_below(folder)) {
      if (texts.size() >= enough) return;
      take(path);
    }
  }
};

}  // namespace

DemoLines DemoLines::from_machine() {
  Found found;
  found.look_below("/var/log", kLinesMax);
  if (found.texts.size() < kLinesEnough) found.look_below("/usr/share/doc", kLinesEnough);
  if (found.texts.empty()) {
    found.texts = {"app[1]: request served in 12 ms", "app[1]: warning: slow upstream, 480 ms",
                   "app[1]: request served in 9 ms"};
    found.sources = {"made-up lines: no text file can be read here"};
  }
  DemoLines lines(std::move(found.texts));
  lines.sources_ = std::move(found.sources);
  return lines;
}

std::string DemoLines::line(std::uint64_t number) const {
  return fmt::format("{:0{}} {}", number, kNumberDigits, texts_[number % texts_.size()]);
}

std::optional<std::uint64_t> DemoLines::number_of(std::string_view text) const {
  std::uint64_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || line(number) != text) return std::nullopt;
  return number;
}

}  // namespace punchline
