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

/// Our needs, which the properties have to fit.
struct KafkaNeeds {
  std::size_t record_bytes_max = 1 << 20;        ///< The largest payload of any buffer.
  std::size_t in_flight_records_max = 50'000;    ///< The most records that we keep in the client.
  std::size_t in_flight_bytes_max = 16U << 20U;  ///< The same in payload bytes.
};

/// Names of properties.
using KafkaNames = std::set<std::string, std::less<>>;

/// A complete set of properties for a producer, and the numbers in it that shape the window.
struct KafkaSettings {
  KafkaProperties properties;           ///< Canonical names (no aliases), ours and the user's.
  KafkaNames hidden;                    ///< The properties whose values no text may show.
  KafkaProperties given;                ///< Names as the user gave them, if not canonical.
  std::size_t batch_bytes = 1'000'000;  ///< The most bytes of one request.
  std::size_t batch_records = 10'000;   ///< The most records of one request.
  std::size_t payload_bytes_max = 0;    ///< The client would not take a larger record.
  bool debug = false;                   ///< The user wants librdkafka's own log lines.
  /// Returns passwords, keys and the like as they are now, by canonical name. Called before each
  /// client is made, so a rotated secret is used without a restart. May be empty.
  std::function<KafkaProperties()> credentials;
};

/// How the client reads the value of a property: to strtol(3) both "+1" and " 0x1" are "1". Returns
/// the value unchanged if the client does not take it.
using KafkaReading = std::function<std::string(const std::string& name, const std::string& value)>;

/// Our defaults with the user's properties over them.
///
/// `refused`, with the property, its value and the reason, if a property would break what Punchline
/// promises (acks other than all, a finite message.timeout.ms ...), or if it is given under two
/// names with different values. Only librdkafka knows whether a property exists and its value is
/// well-formed: see check_kafka_properties(). `hidden` has names as the user gave them; no text
/// shows the values of these. Values are judged, and returned, as `read` reads them
/// (kafka_reading()); without `read`, as they were given.
Result<KafkaSettings> make_kafka_settings(const KafkaProperties& user, const KafkaNeeds& needs,
                                          const KafkaNames& hidden = {},
                                          const KafkaReading& read = {});

/// The properties that concern the connection (addresses, TLS, SASL, sockets, debug). A client that
/// only looks, like that of `check`, needs no others.
KafkaProperties connection_properties(const KafkaProperties& properties);

/// The name under which librdkafka keeps a property: "bootstrap.servers" is "metadata.broker.list",
/// "acks" is "request.required.acks" (CONFIGURATION.md of librdkafka 2.0.2). All prefixes "topic."
/// are removed, as librdkafka does (rd_kafka_topic_conf_set). Other names are returned unchanged.
std::string_view canonical_property(std::string_view name);

/// Whether a property of this name holds a password, a private key or a token.
bool is_secret_property(std::string_view name);

/// The value as an error text shows it: "(hidden)" for secrets.
std::string printable_value(std::string_view name, std::string_view value);

}  // namespace punchline
