#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "buffer/base/result.h"

namespace punchline {

/// librdkafka properties by name.
using KafkaProperties = std::map<std::string, std::string, std::less<>>;

/// What of us the properties have to fit.
struct KafkaNeeds {
  std::size_t record_bytes_max = 1 << 20;        ///< The largest payload of any buffer.
  std::size_t in_flight_records_max = 50'000;    ///< What we keep in the client at most.
  std::size_t in_flight_bytes_max = 16U << 20U;  ///< Likewise, payload bytes.
};

/// Names of properties.
using KafkaNames = std::set<std::string, std::less<>>;

/// A complete set of properties for a producer, and the numbers of it that shape the window.
struct KafkaSettings {
  KafkaProperties properties;           ///< Canonical names (no aliases), ours and the user's.
  KafkaNames hidden;                    ///< Those whose values no text may show.
  KafkaProperties given;                ///< Names as the user gave them, where they are others.
  std::size_t batch_bytes = 1'000'000;  ///< Bytes of one request, at most.
  std::size_t batch_records = 10'000;   ///< Records of one request, at most.
  std::size_t payload_bytes_max = 0;    ///< A larger record the client would not take.
  bool debug = false;                   ///< The user wants librdkafka's own log lines.
  /// Passwords, keys and the like as they are now, by canonical name; asked before each client is
  /// made, so that a rotated one helps without a restart. May be empty.
  std::function<KafkaProperties()> credentials;
};

/// How the client reads the value of a property: "+1" and " 0x1" are both "1" to strtol(3). Returns
/// the value as it came where the client does not take it.
using KafkaReading = std::function<std::string(const std::string& name, const std::string& value)>;

/// Our defaults with the user's properties over them.
///
/// `refused`, with the property, its value and the reason, where a property would break what
/// Punchline promises (acks other than all, a finite message.timeout.ms ...) or stands there
/// under two names with different values. Whether a property exists and its value is well-formed
/// only librdkafka knows: see check_kafka_properties(). No text has the values of `hidden`, which
/// are names as the user gave them. Values are judged, and stand in the result, as `read` reads
/// them (kafka_reading()); without it as they were given.
Result<KafkaSettings> make_kafka_settings(const KafkaProperties& user, const KafkaNeeds& needs,
                                          const KafkaNames& hidden = {},
                                          const KafkaReading& read = {});

/// The properties that concern the connection (addresses, TLS, SASL, sockets, debug): what a
/// client needs that only looks, as `check` does.
KafkaProperties connection_properties(const KafkaProperties& properties);

/// The name librdkafka keeps a property under: "bootstrap.servers" is "metadata.broker.list",
/// "acks" is "request.required.acks" (CONFIGURATION.md of librdkafka 2.0.2). The prefix "topic.",
/// which librdkafka takes off as often as it stands there (rd_kafka_topic_conf_set), is taken off.
/// Other names are returned as they are.
std::string_view canonical_property(std::string_view name);

/// Whether a property of this name holds a password, a private key or a token.
bool is_secret_property(std::string_view name);

/// The value for an error text: "(hidden)" for secrets.
std::string printable_value(std::string_view name, std::string_view value);

}  // namespace punchline
