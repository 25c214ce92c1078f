#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string>

namespace punchline {

/// How far a connection of ours to a server has come, as the kernel sees it (tcp(7), TCP_INFO).
struct KafkaPeer {
  enum class State : std::uint8_t {
    talking,    ///< Something came a moment ago, or it is too young to tell.
    unreached,  ///< Nobody has answered our SYN yet.
    mute,       ///< Connected, and no byte has ever come.
    quiet,      ///< Connected, and no byte has come for a while: stopped, or nothing was asked.
  };
  std::string server;  ///< "host:port", as given or as advertised.
  State state = State::talking;
  friend auto operator<=>(const KafkaPeer&, const KafkaPeer&) = default;
};

/// Why nothing comes from `peer`, given that something is expected; "" if it talks. Pure.
std::string silence_of(const KafkaPeer& peer);
/// The same for all of them: a few of the sentences, and how many more there are. Pure.
std::string silence_of(std::span<const KafkaPeer> peers);

}  // namespace punchline
