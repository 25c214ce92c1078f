#include "agent/view/picture.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace punchline {
namespace {

struct Sign {
  char sign;
  const char* meaning;
};

constexpr std::array<Sign, Picture::kMarks> kSigns{{
    {' ', ""},
    {'.', "freed"},
    {'-', "done, not yet freed"},
    {'=', "done above the front"},
    {'o', "hole above the front"},
    {'~', "unfinished line"},
    {'#', "waiting"},
    {'!', "set aside"},
}};

const Sign& sign_of(Picture::Mark mark) {
  return kSigns[static_cast<std::size_t>(mark)];
}

}  // namespace

Picture::Picture(ByteRange extent)
    : extent_(extent),
      bytes_per_cell_(std::max<std::uint64_t>(1, (extent.size() + kColumns - 1) / kColumns)),
      cells_((extent.size() + bytes_per_cell_ - 1) / bytes_per_cell_, Mark::none) {}

void Picture::add(ByteRange range, Mark mark) {
  const auto shown = intersection(range, extent_);
  if (shown.empty()) return;
  const auto first = (shown.begin - extent_.begin) / bytes_per_cell_;
  const auto last = (shown.end - 1 - extent_.begin) / bytes_per_cell_;
  for (auto cell = first; cell <= last; ++cell) {
    cells_[cell] = std::max(cells_[cell], mark);
  }
}

std::string Picture::line() const {
  std::string text;
  for (const auto cell : cells_) {
    text += sign_of(cell).sign;
  }
  return text;
}

std::string Picture::legend() const {
  auto text = human_bytes(bytes_per_cell_) + " each";
  for (std::size_t mark = 1; mark < kMarks; ++mark) {
    if (std::find(cells_.begin(), cells_.end(), static_cast<Mark>(mark)) == cells_.end()) continue;
    text += std::string(mark == 1 ? ";  " : "  ") + kSigns[mark].sign + " " + kSigns[mark].meaning;
  }
  return text;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1023.5 && unit + 1 < kUnits.size(); ++unit) {
    value /= 1024;
  }
  std::array<char, 32> text{};
  const char* format = value < 100 ? "%.3g %s" : "%.0f %s";  // %g would give 1.02e+03
  std::snprintf(text.data(), text.size(), format, value, kUnits[unit]);
  return text.data();
}

}  // namespace punchline
