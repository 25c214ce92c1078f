#include "sinks/kafka_peers.h"

#include <set>

namespace punchline {
namespace {

constexpr std::size_t kToldMax = 3;

}  // namespace

std::string silence_of(const KafkaPeer& peer) {
  switch (peer.state) {
    case KafkaPeer::State::talking:
      return {};
    case KafkaPeer::State::unreached:
      return peer.server + " does not take the connection: packets are dropped on the way, or " +
             "the machine is down";
    case KafkaPeer::State::mute:
      return "connected to " + peer.server + ", but nothing comes back that is Kafka's: another " +
             "protocol's port, or a broker that stands still";
    case KafkaPeer::State::quiet:
      return "connected to " + peer.server + ", but nothing comes back any more: a broker that " +
             "stands still or waits for its replicas, or packets that are dropped on the way";
  }
  return {};
}

std::string silence_of(std::span<const KafkaPeer> peers) {
  const std::set<KafkaPeer> each(peers.begin(), peers.end());
  std::string all;
  std::size_t told = 0;
  for (const KafkaPeer& peer : each) {
    const std::string text = silence_of(peer);
    if (text.empty() || ++told > kToldMax) continue;
    all.append(all.empty() ? "" : "; ").append(text);
  }
  if (told > kToldMax) all += "; and " + std::to_string(told - kToldMax) + " more";
  return all;
}

}  // namespace punchline
