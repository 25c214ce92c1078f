#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace punchline {

struct ListenAddress {
  std::string host;  ///< Without the brackets of an IPv6 address.
  std::uint16_t port = 0;
};

/// Parses "127.0.0.1:9377", "localhost:0", "[::1]:9377". Empty if host or port is missing, or the
/// port is above 65535. The host is not looked up.
std::optional<ListenAddress> parse_listen_address(std::string_view text);

/// The inverse: an IPv6 address gets its brackets.
std::string format_address(const ListenAddress& address);

}  // namespace punchline
