#include "sinks/kafka_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>
#include <vector>

namespace punchline {
namespace {

constexpr std::string_view kForever = "2147483647";
constexpr const char* kHidden = "(hidden)";
/// What the client adds to a payload at most, generously (RD_KAFKAP_MESSAGE_V2_MAX_OVERHEAD and
/// the batch header together are below 150 bytes).
constexpr std::size_t kOverheadBytes = 512;

constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kAliases = {{
    {"bootstrap.servers", "metadata.broker.list"},
    {"acks", "request.required.acks"},
    {"compression.type", "compression.codec"},
    {"delivery.timeout.ms", "message.timeout.ms"},
    {"linger.ms", "queue.buffering.max.ms"},
    {"max.in.flight", "max.in.flight.requests.per.connection"},
    {"retries", "message.send.max.retries"},
    {"sasl.mechanism", "sasl.mechanisms"},
}};

/// Canonical names. The reasons are in the comments; figures were measured with 2.0.2.
KafkaProperties defaults(const KafkaNeeds& needs) {
  const std::size_t message_max =
      std::max<std::size_t>(1'000'000, needs.record_bytes_max + kOverheadBytes);
  return {
      {"client.id", "punchline"},  // short: #4689
      {"enable.idempotence", "true"},
      {"request.required.acks", "-1"},
      {"enable.gapless.guarantee", "true"},           // a refusal stops what comes after it
      {"message.timeout.ms", std::string(kForever)},  // the file is the retry queue; 0 is buggy
      {"queue.buffering.max.ms", "5"},
      {"queue.buffering.max.messages", "0"},  // no limit: our own budget rules
      {"queue.buffering.max.kbytes", "2097151"},
      {"message.max.bytes", std::to_string(message_max)},
      {"allow.auto.create.topics", "false"},
      {"reconnect.backoff.ms", "100"},
      {"reconnect.backoff.max.ms", "1000"},  // first delivery after an outage within 1 s
      {"topic.metadata.refresh.interval.ms", "60000"},
      {"request.timeout.ms", "20000"},
      {"socket.timeout.ms", "30000"},  // a frozen broker is noticed only by this
      {"socket.keepalive.enable", "true"},
      {"socket.nagle.disable", "true"},
      {"statistics.interval.ms", "0"},
      {"log.queue", "true"},
      {"log_level", "5"},
  };
}

/// Properties that may not be given at all.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kNotAllowed = {{
    {"transactional.id", "transactions are not used; records would stay invisible to readers"},
    {"transaction.timeout.ms", "transactions are not used"},
    {"partitioner", "Punchline chooses the partition by itself, it would have no effect"},
    {"msg_order_cmp", "it would break the order of records"},
    {"enabled_events", "Punchline sets it by itself"},
    {"log.queue", "Punchline sets it by itself"},
    {"interceptors", "they are set by programs, not by configuration"},
    {"enable.random.seed", "Punchline draws no random numbers from librdkafka"},
    {"topic.blacklist", "the client would never ask for these topics, records would wait for ever"},
    {"internal.termination.signal", "Punchline keeps its signals to itself"},
}};

/// Properties with one allowed set of values.
struct OnlyRule {
  std::string_view name;
  std::array<std::string_view, 4> allowed;
  std::string_view reason;
};
constexpr std::array<OnlyRule, 6> kOnly = {{
    {"request.required.acks",
     {"all", "-1"},
     "only all in-sync replicas together make a record safe to free (allowed: all, -1)"},
    {"enable.idempotence",
     {"true", "t", "1"},
     "order and freedom from duplicates rest on it (allowed: true)"},
    {"enable.gapless.guarantee",
     {"true", "t", "1"},
     "without it records overtake a refused one (allowed: true)"},
    {"message.timeout.ms",
     {kForever},
     "a record may not be given up: the buffer file is the retry queue (allowed: 2147483647)"},
    {"delivery.report.only.error",
     {"false", "f", "0"},
     "a record is freed only after its delivery report (allowed: false)"},
    {"queuing.strategy", {"fifo"}, "it would turn the order of records round (allowed: fifo)"},
}};

/// A property as the operator gave it, kept under its canonical name.
struct Given {
  std::string_view typed;
  std::string_view typed_value;
  std::string value;  ///< As the client reads it.
  bool hidden = false;
};
using GivenProperties = std::map<std::string_view, Given>;

Error refuse(const Given& given, std::string_view reason) {
  std::string text = "kafka property ";
  text.append(given.typed).append(" = ");
  text.append(given.hidden ? kHidden : printable_value(given.typed, given.typed_value));
  text.append(" is refused: ").append(reason);
  return {ErrorKind::refused, 0, std::move(text)};
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Refuses `name` if it is a number below `least`. `unlimited` counts as no limit.
Status at_least(const GivenProperties& given, std::string_view name, std::uint64_t least,
                std::int64_t unlimited, std::string_view reason) {
  const auto found = given.find(name);
  if (found == given.end()) return {};
  const auto value = number(found->second.value);
  if (!value || *value == unlimited) return {};  // librdkafka says what is wrong with the text
  if (*value >= 0 && static_cast<std::uint64_t>(*value) >= least) return {};
  return refuse(found->second, std::string(reason) + " (at least " + std::to_string(least) + ")");
}

Status check_values(const GivenProperties& given) {
  for (const auto& [name, each] : given) {
    if (name.starts_with("test.") || name.starts_with("ut_")) {
      return refuse(each, "librdkafka's test doubles keep nothing, records would be lost");
    }
  }
  for (const auto& [name, reason] : kNotAllowed) {
    if (const auto found = given.find(name); found != given.end()) {
      return refuse(found->second, reason);
    }
  }
  for (const OnlyRule& rule : kOnly) {
    const auto found = given.find(rule.name);
    if (found == given.end()) continue;
    const auto& value = found->second.value;
    if (value.empty() ||
        std::find(rule.allowed.begin(), rule.allowed.end(), value) == rule.allowed.end()) {
      return refuse(found->second, rule.reason);
    }
  }
  return {};
}

Status check_numbers(const GivenProperties& given, const KafkaNeeds& needs) {
  constexpr std::int64_t kNone = -1;
  const std::size_t kbytes = 2 * needs.in_flight_bytes_max / 1024;
  if (auto s = at_least(given, "message.send.max.retries", 2147483647, kNone,
                        "what can be sent again is sent again for ever");
      !s) {
    return s;
  }
  if (auto s = at_least(given, "queue.buffering.max.messages", 2 * needs.in_flight_records_max, 0,
                        "Punchline keeps its own budget, this one must never be met");
      !s) {
    return s;
  }
  if (auto s = at_least(given, "queue.buffering.max.kbytes", kbytes, kNone,
                        "Punchline keeps its own budget, this one must never be met");
      !s) {
    return s;
  }
  return at_least(given, "message.max.bytes", needs.record_bytes_max + kOverheadBytes, kNone,
                  "records of record_bytes_max could never be sent");
}

Status check_in_flight(const GivenProperties& given) {
  const auto found = given.find("max.in.flight.requests.per.connection");
  if (found == given.end()) return {};
  const auto value = number(found->second.value);
  if (!value || *value <= 5) return {};
  return refuse(found->second,
                "brokers keep order and drop duplicates for five requests only (at most 5)");
}

/// The user's properties under their canonical names.
Result<GivenProperties> canonical(const KafkaProperties& user, const KafkaNames& hidden,
                                  const KafkaReading& read) {
  GivenProperties given;
  for (const auto& [name, value] : user) {
    const Given each{name, value, read ? read(name, value) : value, hidden.contains(name)};
    const auto [place, fresh] = given.emplace(canonical_property(name), each);
    if (!fresh && place->second.value != each.value) {
      return refuse(each, "it stands there under another name too, with another value: " +
                              std::string(place->second.typed));
    }
  }
  return given;
}

std::size_t size_of(const KafkaProperties& all, std::string_view name, std::size_t otherwise) {
  const auto found = all.find(name);
  if (found == all.end()) return otherwise;
  const auto value = number(found->second);
  return value && *value > 0 ? static_cast<std::size_t>(*value) : otherwise;
}

}  // namespace

std::string_view canonical_property(std::string_view name) {
  // librdkafka accepts "topic.acks" for "acks", which would be a way round our rules.
  while (name.starts_with("topic.") && !name.starts_with("topic.metadata.") &&
         name != "topic.blacklist") {
    name.remove_prefix(6);
  }
  for (const auto& [alias, real] : kAliases) {
    if (alias == name) return real;
  }
  return name;
}

bool is_secret_property(std::string_view name) {
  constexpr std::array<std::string_view, 4> kSecrets = {"password", "secret", "key.pem",
                                                        "sasl.oauthbearer.config"};
  return std::any_of(kSecrets.begin(), kSecrets.end(), [name](std::string_view secret) {
    return name.find(secret) != std::string_view::npos;
  });
}

std::string printable_value(std::string_view name, std::string_view value) {
  return is_secret_property(name) ? kHidden : "'" + std::string(value) + "'";
}

Result<KafkaSettings> make_kafka_settings(const KafkaProperties& user, const KafkaNeeds& needs,
                                          const KafkaNames& hidden, const KafkaReading& read) {
  auto given = canonical(user, hidden, read);
  if (!given) return given.error();
  if (auto s = check_values(*given); !s) return s.error();
  if (auto s = check_numbers(*given, needs); !s) return s.error();
  if (auto s = check_in_flight(*given); !s) return s.error();

  KafkaSettings settings;
  for (const auto& [name, each] : *given) {
    settings.properties.emplace(name, each.value);
    if (each.hidden) settings.hidden.emplace(name);
    if (each.typed != name) settings.given.emplace(name, each.typed);
  }
  settings.properties.merge(defaults(needs));
  const auto& all = settings.properties;
  const std::size_t message_max = size_of(all, "message.max.bytes", 1'000'000);
  settings.batch_bytes = std::min(size_of(all, "batch.size", 1'000'000), message_max);
  settings.batch_records = size_of(all, "batch.num.messages", 10'000);
  settings.payload_bytes_max = message_max - kOverheadBytes;
  settings.debug = all.contains("debug");
  if (settings.debug && !given->contains("log_level")) settings.properties["log_level"] = "7";
  return settings;
}

KafkaProperties connection_properties(const KafkaProperties& properties) {
  KafkaProperties connection;
  for (const auto& [name, value] : properties) {
    for (std::string_view part :
         {"metadata.broker.list", "bootstrap.servers", "client.id", "ssl", "sasl", "security.",
          "socket.", "broker.address", "debug", "api.version", "broker.version", "reconnect."}) {
      if (name.find(part) != std::string::npos) connection.emplace(name, value);
    }
  }
  return connection;
}

}  // namespace punchline
