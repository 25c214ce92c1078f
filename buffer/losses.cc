#include "buffer/losses.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "buffer/state.h"

namespace punchline {
namespace {

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  return a + std::min(b, std::numeric_limits<std::uint64_t>::max() - a);
}

std::string line_of(LossReason reason, const Loss& loss) {
  return std::string(name_of(reason)) + " times=" + std::to_string(loss.times) +
         " records=" + std::to_string(loss.records) + " bytes=" + std::to_string(loss.bytes) + "\n";
}

/// Takes "NAME=123" and a space before it off the front of `line`.
bool take_number(std::string_view& line, std::string_view name, std::uint64_t& number) {
  const auto begin = 1 + name.size() + 1;
  if (line.size() <= begin || line[0] != ' ' || line.substr(1, name.size()) != name ||
      line[begin - 1] != '=') {
    return false;
  }
  const auto* end = line.data() + line.size();
  const auto read = std::from_chars(line.data() + begin, end, number);
  if (read.ec != std::errc()) return false;
  line.remove_prefix(static_cast<std::size_t>(read.ptr - line.data()));
  return true;
}

void read_line(std::string_view line, Losses& losses) {
  for (std::size_t i = 0; i < kLossReasons; ++i) {
    const std::string_view name = name_of(static_cast<LossReason>(i));
    if (!line.starts_with(name)) continue;
    auto rest = line.substr(name.size());
    Loss loss;
    if (take_number(rest, "times", loss.times) && take_number(rest, "records", loss.records) &&
        take_number(rest, "bytes", loss.bytes) && rest.empty()) {
      losses[i] = loss;
    }
  }
}

}  // namespace

const char* name_of(LossReason reason) {
  static constexpr std::array kNames = {"truncated", "overwritten", "deleted", "dropped"};
  return kNames[static_cast<std::size_t>(reason)];
}

bool is_any(const Losses& losses) {
  return std::any_of(losses.begin(), losses.end(), [](const auto& loss) { return loss.times > 0; });
}

void add(Losses& to, const Losses& more) {
  for (std::size_t i = 0; i < kLossReasons; ++i) {
    to[i].times = sum(to[i].times, more[i].times);
    to[i].records = sum(to[i].records, more[i].records);
    to[i].bytes = sum(to[i].bytes, more[i].bytes);
  }
}

void take(Losses& from, const Losses& less) {
  for (std::size_t i = 0; i < kLossReasons; ++i) {
    from[i].times -= std::min(from[i].times, less[i].times);
    from[i].records -= std::min(from[i].records, less[i].records);
    from[i].bytes -= std::min(from[i].bytes, less[i].bytes);
  }
}

std::string text_of(const Losses& losses) {
  std::string text;
  for (std::size_t i = 0; i < kLossReasons; ++i) {
    const auto& loss = losses[i];
    if (loss.times == 0) continue;
    if (!text.empty()) text += "; ";
    text += name_of(static_cast<LossReason>(i));
    text += ": ";
    if (loss.records > 0) text += std::to_string(loss.records) + " known records, ";
    text += "up to " + std::to_string(loss.bytes) + " bytes";
  }
  return text;
}

Result<Losses> noted_losses(BufferFile& file) {
  const auto text = file.attribute(kLostAttribute);
  if (!text) return text.error();
  Losses losses{};
  if (!text->has_value()) return losses;
  for (std::string_view rest = **text; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    read_line(rest.substr(0, end), losses);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return losses;
}

Status note_losses(BufferFile& file, const Losses& more, const Losses& less) {
  auto losses = noted_losses(file);
  if (!losses) return losses.error();
  add(*losses, more);
  take(*losses, less);
  if (!is_any(*losses)) return file.remove_attribute(kLostAttribute);
  std::string text;
  for (std::size_t i = 0; i < kLossReasons; ++i)
    if ((*losses)[i].times > 0) text += line_of(static_cast<LossReason>(i), (*losses)[i]);
  return file.set_attribute(kLostAttribute, text);
}

}  // namespace punchline
