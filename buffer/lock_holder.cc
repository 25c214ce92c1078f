#include "buffer/lock_holder.h"

#include <charconv>
#include <sstream>

namespace punchline {

std::string LockHolder::text() const {
  return "pid " + std::to_string(pid) + " on " + host + " since " + since;
}

std::string encode(const LockHolder& holder) {
  auto text = "host=" + holder.host + " pid=" + std::to_string(holder.pid) + " since=" +
              holder.since;
  if (holder.token.empty()) return text;
  return text + " boot=" + holder.boot + " lock=" + holder.lock + " token=" + holder.token;
}

std::optional<LockHolder> decode_holder(std::string_view text) {
  LockHolder holder;
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos) continue;
    const auto key = word.substr(0, equals);
    const auto value = word.substr(equals + 1);
    if (key == "host") holder.host = value;
    if (key == "pid") std::from_chars(value.data(), value.data() + value.size(), holder.pid);
    if (key == "since") holder.since = value;
    if (key == "boot") holder.boot = value;
    if (key == "lock") holder.lock = value;
    if (key == "token") holder.token = value;
  }
  if (holder.host.empty() || holder.pid <= 0) return std::nullopt;
  return holder;
}

}  // namespace punchline
