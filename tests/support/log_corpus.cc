#include "tests/support/log_corpus.h"

#include <charconv>
#include <fstream>
#include <stdexcept>

namespace punchline::testing {
namespace {

constexpr std::size_t kProducerDigits = 2;
constexpr std::size_t kNumberDigits = 10;
constexpr std::size_t kPrefixBytes = 1 + kProducerDigits + 1 + kNumberDigits + 1;

void append_digits(std::uint64_t value, std::size_t digits, std::string& text) {
  text.append(digits, '0');
  for (auto at = text.rbegin(); value != 0; ++at, value /= 10) {
    *at = static_cast<char>('0' + value % 10);
  }
}

void append_prefix(LineId id, std::string& text) {
  text += 'P';
  append_digits(id.producer, kProducerDigits, text);
  text += '-';
  append_digits(id.number, kNumberDigits, text);
  text += ' ';
}

template <class Number>
bool all_digits(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

LogCorpus LogCorpus::committed() {
  std::ifstream in(PUNCHLINE_LOG_LINES, std::ios::binary);
  std::vector<std::string> texts;
  for (std::string line; std::getline(in, line);)
    texts.push_back(line);
  return LogCorpus(std::move(texts));
}

LogCorpus::LogCorpus(std::vector<std::string> texts) : texts_(std::move(texts)) {
  if (texts_.empty()) throw std::runtime_error("no log lines");
}

void LogCorpus::append_line(LineId id, std::string& text) const {
  append_prefix(id, text);
  text += texts_[id.number % texts_.size()];
  text += '\n';
}

std::string LogCorpus::line(LineId id) const {
  std::string text;
  append_line(id, text);
  text.pop_back();
  return text;
}

std::optional<LineId> LogCorpus::parse(std::string_view line) {
  if (line.size() < kPrefixBytes || line[0] != 'P') return std::nullopt;
  LineId id;
  if (!all_digits(line.substr(1, kProducerDigits), id.producer)) return std::nullopt;
  if (!all_digits(line.substr(2 + kProducerDigits, kNumberDigits), id.number)) return std::nullopt;
  return id;
}

bool LogCorpus::holds(LineId id, std::string_view line) const {
  thread_local std::string prefix;
  prefix.clear();
  append_prefix(id, prefix);
  return line.starts_with(prefix) &&
         line.substr(prefix.size()) == texts_[id.number % texts_.size()];
}

std::uint64_t write_lines(const LogCorpus& corpus, std::uint32_t producer, std::uint64_t count,
                          const std::string& path) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  std::uint64_t bytes = 0;
  std::string text;
  for (std::uint64_t number = 0; number < count; ++number) {
    corpus.append_line({producer, number}, text);
    if (text.size() < (1U << 20) && number + 1 < count) continue;
    out.write(text.data(), static_cast<std::streamsize>(text.size()));
    bytes += text.size();
    text.clear();
  }
  out.close();
  if (!out) throw std::runtime_error("write " + path);
  return bytes;
}

}  // namespace punchline::testing
