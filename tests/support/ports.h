#pragma once

#include <cstdint>
#include <vector>

namespace punchline::testing {

/// `count` TCP ports that are free on 127.0.0.1 now, found by binding them. They lie outside the
/// range that the kernel gives to outgoing connections. Otherwise a client that keeps connecting to
/// a broker that is down could get the broker's port as its own, and be connected with itself.
/// Throws std::runtime_error if there are not enough.
std::vector<std::uint16_t> free_ports(std::size_t count);

}  // namespace punchline::testing
