#include "agent/config/option_value.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace punchline {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};
// Largest first: formatting takes the first that divides the value.
constexpr Unit kByteUnits[] = {
    {"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10}, {"B", 1}};
constexpr Unit kDurationUnits[] = {{"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}};

std::optional<std::uint64_t> parse(std::string_view text, std::span<const Unit> units,
                                   std::uint64_t default_factor) {
  std::uint64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{}) return std::nullopt;
  auto name = text.substr(static_cast<std::size_t>(rest - text.data()));
  if (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  auto factor = name.empty() ? default_factor : 0;
  for (const auto& unit : units) {
    if (unit.name == name) factor = unit.factor;
  }
  if (factor == 0 || number > std::numeric_limits<std::uint64_t>::max() / factor) {
    return std::nullopt;
  }
  return number * factor;
}

std::string format(std::uint64_t value, std::span<const Unit> units) {
  const auto unit = std::ranges::find_if(units, [&](auto u) { return value % u.factor == 0; });
  return std::to_string(value / unit->factor) + std::string(unit->name);
}

std::string names_of(std::span<const Unit> units) {
  std::string names;
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit)
    names += (names.empty() ? "" : ", ") + std::string(unit->name);
  return names;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  return parse(text, kByteUnits, 1);
}

std::optional<std::uint64_t> parse_duration_ms(std::string_view text) {
  return parse(text, kDurationUnits, 1000);
}

std::string byte_units() {
  return names_of(kByteUnits);
}

std::string duration_units() {
  return names_of(kDurationUnits);
}

std::string format_bytes(std::uint64_t bytes) {
  return bytes < 1024 ? std::to_string(bytes) : format(bytes, kByteUnits);
}

std::string format_duration_ms(std::uint64_t ms) {
  return ms == 0 ? "0" : format(ms, kDurationUnits);
}

}  // namespace punchline
