#include "agent/host/rotated_names.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "buffer/quarantine.h"

namespace punchline {
namespace {

namespace fs = std::filesystem;

struct Compressed {
  std::string_view suffix;
  std::string_view unpacker;
};
constexpr std::array kCompressed = {Compressed{".gz", "zcat"},    Compressed{".zst", "zstdcat"},
                                    Compressed{".xz", "xzcat"},   Compressed{".bz2", "bzcat"},
                                    Compressed{".lz4", "lz4cat"}, Compressed{".lzma", "xzcat"},
                                    Compressed{".Z", "zcat"}};

const Compressed* compression_of(std::string_view name) {
  const auto* found = std::find_if(kCompressed.begin(), kCompressed.end(), [&](const auto& each) {
    return name.ends_with(each.suffix);
  });
  return found == kCompressed.end() ? nullptr : found;
}

// ".1", "-20260131", "-2026-01-31-1769817600", "_31.01.2026".
bool is_number_or_date(std::string_view text) {
  constexpr std::string_view kSeparators = ".-_";
  return text.size() > 1 && kSeparators.find(text[0]) != std::string_view::npos &&
         text.find_first_of("0123456789") != std::string_view::npos &&
         text.find_first_not_of("0123456789.-_:T") == std::string_view::npos;
}

// ".1", "-20260131". Other short numbers may be part of another buffer's name.
bool is_sure_number_or_date(std::string_view text) {
  constexpr std::size_t kDateDigitsMin = 6;
  if (!is_number_or_date(text)) return false;
  const auto is_digit = [](char each) { return each >= '0' && each <= '9'; };
  const auto digits = std::count_if(text.begin(), text.end(), is_digit);
  const bool is_number = text[0] == '.' && static_cast<std::size_t>(digits) + 1 == text.size();
  return is_number || static_cast<std::size_t>(digits) >= kDateDigitsMin;
}

bool is_letter(char each) {
  return (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z');
}

// "-30-Nov-2026", "20261130", ".old", "_backup".
bool is_likely_part(std::string_view text) {
  constexpr std::array<std::string_view, 8> kOld = {"old",  "bak",  "backup", "orig",
                                                    "prev", "save", "sav",    "tmp"};
  const auto first = text.find_first_not_of(".-_");
  if (first == std::string_view::npos) return false;
  return (text[first] >= '0' && text[first] <= '9') ||
         std::any_of(kOld.begin(), kOld.end(),
                     [&](auto old) { return first > 0 && text.substr(first) == old; });
}

// What follows the buffer's name without its extension.
bool is_likely_rest(std::string_view text) {
  constexpr std::array<std::string_view, 3> kArchives = {".tar", ".tgz", ".zip"};
  return is_likely_part(text) ||
         std::find(kArchives.begin(), kArchives.end(), text) != kArchives.end();
}

}  // namespace

std::string stem_of(const std::string& name) {
  return fs::path(name).stem().string();
}

std::string unpacker_of(const std::string& name) {
  const auto* compression = compression_of(name);
  return compression == nullptr ? "" : std::string(compression->unpacker);
}

bool is_rotated_name(const std::string& name, const std::string& buffer_name) {
  std::string_view rest = name;
  if (const auto* compression = compression_of(name)) {
    rest.remove_suffix(compression->suffix.size());
    if (rest == buffer_name) return true;
  }
  if (rest.starts_with(buffer_name)) return is_number_or_date(rest.substr(buffer_name.size()));
  const auto stem = stem_of(buffer_name);
  const auto extension = fs::path(buffer_name).extension().string();
  if (extension.empty() || !rest.starts_with(stem) || !rest.ends_with(extension)) return false;
  if (rest.size() <= stem.size() + extension.size()) return false;
  rest.remove_suffix(extension.size());
  return is_number_or_date(rest.substr(stem.size()));
}

bool is_sure_rotated_name(const std::string& name, const std::string& buffer_name) {
  return name.starts_with(buffer_name) &&
         is_sure_number_or_date(std::string_view(name).substr(buffer_name.size()));
}

bool may_be_rotated_name(const std::string& name, const std::string& buffer_name) {
  if (is_rotated_name(name, buffer_name)) return true;
  std::string_view rest = name;
  if (const auto* compression = compression_of(name))
    rest.remove_suffix(compression->suffix.size());
  if (rest.starts_with(buffer_name))
    return rest.size() > buffer_name.size() && !is_letter(rest[buffer_name.size()]);
  const auto stem = stem_of(buffer_name);
  const auto extension = fs::path(buffer_name).extension().string();
  if (extension.empty() || !rest.starts_with(stem)) return false;
  rest.remove_prefix(stem.size());
  if (!rest.ends_with(extension)) return is_likely_rest(rest);
  return is_likely_part(rest.substr(0, rest.size() - extension.size()));
}

bool is_rotated_quarantine(const std::string& name, const std::string& buffer_name) {
  const auto quarantine = quarantine_path(buffer_name);
  return is_rotated_name(name, quarantine) ||
         (name.starts_with(quarantine) && may_be_rotated_name(name, quarantine));
}

bool is_ours(const std::string& name, const std::string& buffer_name) {
  if (is_rotated_name(name, buffer_name)) return false;
  if (is_rotated_quarantine(name, buffer_name)) return false;
  return name.ends_with(".quarantine") || name.ends_with(".agent") ||
         name.starts_with(buffer_name + ".agent") ||  // the lock file, rotated too
         name.ends_with(".reserve") ||
         name.find(".orphan-") != std::string_view::npos;
}

}  // namespace punchline
