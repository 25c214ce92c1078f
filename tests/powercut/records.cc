#include "tests/powercut/records.h"

#include <algorithm>
#include <charconv>
#include <random>

namespace punchline::testing {
namespace {

std::string beginning_of(RecordId id) {
  return "P" + std::to_string(id.producer) + "-" + std::to_string(id.number) + " ";
}

std::uint64_t size_of(std::minstd_rand& random) {
  const auto kind = random() % 40;
  if (kind == 0) return 4096 + random() % 36'000;
  if (kind < 8) return 500 + random() % 3500;
  return 20 + random() % 400;
}

}  // namespace

std::string record_text(RecordId id) {
  std::minstd_rand random(static_cast<std::uint32_t>(id.producer * 7919 + id.number + 1));
  random.discard(2);
  auto text = beginning_of(id);
  const auto size = size_of(random) + text.size();
  while (text.size() < size) {
    auto bits = random();
    for (int i = 0; i < 5 && text.size() < size; ++i, bits >>= 6U)
      text += static_cast<char>('0' + bits % 64);
  }
  text += '.';  // and nowhere else
  return text;
}

std::optional<RecordId> claimed_id(std::string_view text) {
  RecordId id;
  const char* end = text.data() + text.size();
  if (text.empty() || text[0] != 'P') return std::nullopt;
  const auto producer = std::from_chars(text.data() + 1, end, id.producer);
  if (producer.ec != std::errc() || producer.ptr == end || *producer.ptr != '-') {
    return std::nullopt;
  }
  const auto number = std::from_chars(producer.ptr + 1, end, id.number);
  if (number.ec != std::errc() || number.ptr == end || *number.ptr != ' ') return std::nullopt;
  return id;
}

std::optional<RecordId> proved_id(std::string_view text) {
  const auto id = claimed_id(text);
  return id && record_text(*id) == text ? id : std::nullopt;
}

bool is_beginning(std::string_view text) {
  if (const auto id = claimed_id(text)) return record_text(*id).starts_with(text);
  return text.empty() || (text[0] == 'P' && std::all_of(text.begin() + 1, text.end(), [](char c) {
                            return c == '-' || (c >= '0' && c <= '9');
                          }));
}

}  // namespace punchline::testing
