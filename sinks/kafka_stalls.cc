#include "sinks/kafka_stalls.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "buffer/base/counted.h"
#include "sinks/kafka_certificate.h"

namespace punchline {
namespace {

using Severity = Notice::Severity;

/// The broker's id in an error text. rd_kafka_broker_set_error() puts the broker's name in front:
/// "sasl_ssl://host:port/id: why". Before the id is known, "bootstrap" is in its place.
std::optional<std::int32_t> broker_in(std::string_view text) {
  const auto colon = text.find(": ");
  const auto slash = text.substr(0, colon).rfind('/');
  if (colon == text.npos || slash == text.npos) return std::nullopt;
  const auto digits = text.substr(slash + 1, colon - slash - 1);
  std::int32_t broker = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), broker);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return broker;
}

std::string partition_name(const KafkaStalls::Waiting& waiting) {
  return "partition " + std::to_string(waiting.lane.partition) + " of topic '" +
         std::string(waiting.topic) + "'";
}

/// True if the address is wrong, or the way to it: not resolved, refused or never answered.
bool is_of_the_address(std::string_view why) {
  return why.find("Connect to") != why.npos || why.find("resolve") != why.npos ||
         why.find("Connection setup timed out") != why.npos ||
         why.find("does not take the connection") != why.npos;
}

/// The first few, and how many more there are: a topic may have a thousand partitions.
void tell_some(std::vector<Notice> all, const char* what, std::vector<Notice>& notices) {
  const std::size_t told = std::min(all.size(), KafkaStalls::kToldMax);
  notices.insert(notices.end(), all.begin(), all.begin() + static_cast<std::ptrdiff_t>(told));
  if (told == all.size()) return;
  notices.push_back({all.front().severity, 0,
                     "and " + std::to_string(all.size() - told) + " more partitions or brokers " +
                         what + "; /status has their number"});
}

std::string throttle_text(const std::string& broker, std::chrono::milliseconds wait) {
  return broker + " slows this client down, by up to " + std::to_string(wait.count()) +
         " ms for an answer: a quota";
}

std::string replicas_in_sync(const KafkaPlace& place) {
  if (place.in_sync >= place.replicas) return {};
  return ": " + std::to_string(place.in_sync) + " of its " + std::to_string(place.replicas) +
         " replicas are in sync, fewer than min.insync.replicas wants?";
}

}  // namespace

std::string_view reason_in(std::string_view text) {
  const auto colon = text.find(": ");
  const bool has_name = colon != text.npos && text.substr(0, colon).find('/') != text.npos;
  if (has_name) text.remove_prefix(colon + 2);
  return text.substr(0, text.find(" (after "));
}

void KafkaStalls::failed(std::string_view text) {
  const auto broker = broker_in(text);
  if (broker) brokers_[*broker].failure = explained(std::string(reason_in(text)), "");
}

void KafkaStalls::throttled(std::int32_t id, std::chrono::milliseconds wait, Time now) {
  if (id < 0 || wait <= wait.zero()) return;
  Broker& broker = brokers_[id];
  broker.throttled_until = std::max(broker.throttled_until, now + wait);
  broker.throttle = std::max(broker.throttle, wait);
}

void KafkaStalls::seen(std::span<const KafkaPeer> peers) {
  for (auto& [id, broker] : brokers_) {
    const auto peer = std::find_if(peers.begin(), peers.end(), [&](const KafkaPeer& each) {
      return each.server == broker.address;
    });
    broker.silence = peer != peers.end() ? silence_of(*peer) : "";
  }
}

void KafkaStalls::heard(std::span<const std::int32_t> brokers, Time now) {
  for (const auto id : brokers) {
    if (id < 0) continue;  // one of bootstrap.servers
    Broker& broker = brokers_[id];
    broker.heard = now;
    broker.throttled_until = std::min(broker.throttled_until, now);  // it reads on
    broker.failure.clear();
    broker.back = true;
  }
}

void KafkaStalls::learn(std::span<const KafkaBroker> brokers) {
  if (brokers.empty()) return;
  std::erase_if(brokers_, [&](const auto& known) {
    return known.second.trouble.empty() && known.second.throttle.count() == 0 &&
           std::none_of(brokers.begin(), brokers.end(),
                        [&](const KafkaBroker& each) { return each.id == known.first; });
  });
  for (const auto& [id, address] : brokers)
    brokers_[id].address = address;
}

void KafkaStalls::arrived(Lane lane) {
  const auto stall = stalls_.find(lane);
  if (stall != stalls_.end()) stall->second.over = true;
}

std::string KafkaStalls::name_of(std::int32_t id) const {
  const auto& address = brokers_.at(id).address;
  return "broker " + std::to_string(id) + (address.empty() ? "" : " at " + address);
}

void KafkaStalls::look(std::span<const Waiting> waiting, Time now, std::vector<Notice>& notices) {
  tell_ends(now, notices);
  for (auto& [id, broker] : brokers_)
    look_at_throttle(id, broker, now, notices);
  std::vector<Notice> begun;
  for (const Waiting& each : waiting)
    look(each, now, begun);
  tell_some(std::move(begun), "keep records waiting", notices);
}

void KafkaStalls::look(const Waiting& waiting, Time now, std::vector<Notice>& notices) {
  const auto leader = waiting.place.leader;
  const auto back_at = leader < 0 ? Time{} : brokers_[leader].back_at;
  const auto since = std::max({waiting.since, answered_from_, back_at});
  const auto waited = now - since;
  if (waited < kFailedMin || stalls_.contains(waiting.lane)) return;
  std::string text;
  if (leader < 0) {
    text = " has no leader";
  } else {
    const Broker& broker = brokers_[leader];
    // A quota is reported by itself. The broker reads nothing meanwhile.
    const bool throttled = broker.failure.empty() && now - broker.throttled_until < kSilentMin;
    if (!broker.trouble.empty() || throttled) return;
    const bool answers = now - broker.heard < kSilentMin && broker.failure.empty();
    if (!broker.failure.empty() || (!answers && waited >= kSilentMin)) {
      return blame(leader, waiting, now, notices);
    }
    if (waited < kSilentMin) return;
    text = waiting.former >= 0 && brokers_.contains(waiting.former)
               ? " has a new leader, " + name_of(leader) + "; what the former one, " +
                     name_of(waiting.former) + ", was sent is not answered yet"
               : " confirms nothing although its leader, " + name_of(leader) + ", answers" +
                     replicas_in_sync(waiting.place);
  }
  const auto name = partition_name(waiting);
  stalls_[waiting.lane] = {name + text, name, false};
  notices.push_back({Severity::warning, 0, name + text + "; its records wait, the others go on"});
}

void KafkaStalls::blame(std::int32_t id, const Waiting& waiting, Time now,
                        std::vector<Notice>& notices) {
  Broker& broker = brokers_[id];
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now - waiting.since).count();
  broker.trouble = name_of(id) + ", which leads " + partition_name(waiting) +
                   (broker.failure.empty()
                        ? ", has not answered for " + std::to_string(seconds) + " s" +
                              (broker.silence.empty() ? "" : ": " + broker.silence)
                        : ", cannot be used: " + broker.failure);
  broker.back = false;
  auto text = broker.trouble + "; what is for it waits, the rest goes on";
  if (is_of_the_address(broker.trouble)) {
    text += "; the address comes from its advertised.listeners: is it right from here?";
  }
  notices.push_back({Severity::warning, 0, std::move(text)});
}

void KafkaStalls::look_at_throttle(std::int32_t id, Broker& broker, Time now,
                                   std::vector<Notice>& notices) {
  if (now >= broker.throttled_until + kThrottleOver) {
    broker.throttle = broker.throttle.zero();
    if (!std::exchange(broker.throttle_told, false)) return;
    notices.push_back({Severity::info, 0, name_of(id) + " slows this client down no more"});
  } else if (broker.throttle >= kThrottleMin && !std::exchange(broker.throttle_told, true)) {
    notices.push_back({Severity::warning, 0,
                       throttle_text(name_of(id), broker.throttle) +
                           " (producer_byte_rate or request_percentage) is used up; all goes on, "
                           "as slowly as it allows"});
  }
}

void KafkaStalls::tell_ends(Time now, std::vector<Notice>& notices) {
  std::vector<Notice> over;
  for (auto& [id, broker] : brokers_) {
    if (broker.trouble.empty() || !broker.back) continue;
    broker.trouble.clear();
    broker.back_at = now;
    over.push_back({Severity::info, 0, name_of(id) + " answers again"});
  }
  std::erase_if(stalls_, [&](const auto& each) {
    if (!each.second.over) return false;
    over.push_back({Severity::info, 0, each.second.name + " takes records again"});
    return true;
  });
  tell_some(std::move(over), "go on again", notices);
}

std::string KafkaStalls::trouble() const {
  std::string all;
  std::size_t told = 0;
  const auto add = [&](const std::string& text) {
    if (text.empty() || ++told > kToldMax) return;
    all.append(all.empty() ? "" : "; ").append(text);
  };
  for (const auto& [id, broker] : brokers_) {
    add(broker.trouble);
    if (broker.throttle_told) add(throttle_text(name_of(id), broker.throttle));
  }
  for (const auto& [lane, stall] : stalls_)
    add(stall.text);
  if (told > kToldMax) all += "; and " + std::to_string(told - kToldMax) + " more";
  return all;
}

std::vector<BrokerState> KafkaStalls::brokers() const {
  std::vector<BrokerState> states;
  for (const auto& [id, broker] : brokers_) {
    if (broker.address.empty()) continue;
    const auto throttle = static_cast<std::uint64_t>(broker.throttle.count());
    states.push_back({id, broker.address, broker.trouble, throttle});
  }
  return states;
}

std::optional<KafkaStalls::Time> KafkaStalls::due() const {
  std::optional<Time> due;
  for (const auto& [id, broker] : brokers_) {
    if (broker.throttle.count() == 0) continue;
    const Time over = broker.throttled_until + kThrottleOver;
    due = due ? std::min(*due, over) : over;
  }
  return due;
}

}  // namespace punchline
