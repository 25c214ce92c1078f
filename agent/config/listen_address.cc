#include "agent/config/listen_address.h"

#include <charconv>

namespace punchline {

std::optional<ListenAddress> parse_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto port_text = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  // An IPv6 address without brackets leaves it open where the port begins.
  if (host.empty() || (!bracketed && host.find(':') != std::string_view::npos)) return std::nullopt;

  ListenAddress address{.host = std::string(host)};
  const auto* end = port_text.data() + port_text.size();
  const auto [rest, error] = std::from_chars(port_text.data(), end, address.port);
  if (error != std::errc{} || rest != end) return std::nullopt;
  return address;
}

std::string format_address(const ListenAddress& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  const auto host = is_ipv6 ? '[' + address.host + ']' : address.host;
  return host + ':' + std::to_string(address.port);
}

}  // namespace punchline
