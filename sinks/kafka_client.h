#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "buffer/base/result.h"
#include "sinks/kafka_settings.h"

// librdkafka's types by their tags, so that only .cc files include rdkafka.h.
struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;

namespace punchline {

class KafkaConnections;

/// Checks that librdkafka knows each property and takes its value. `refused`, with the property,
/// its value and librdkafka's reason; for an unknown property with the nearest name that it knows.
/// The text does not show the values of secrets and of `hidden`. A property that is in `given` is
/// named as there (KafkaSettings). Opens no connection.
Status check_kafka_properties(const KafkaProperties& properties, const KafkaNames& hidden = {},
                              const KafkaProperties& given = {});

/// Checks that there is a property of that name, whatever its value. Errors as above. Opens no
/// connection.
Status check_kafka_property(const std::string& name);

/// How librdkafka reads values, for make_kafka_settings(): each value is set in a configuration and
/// read back (rd_kafka_conf_get).
KafkaReading kafka_reading();

/// librdkafka's text for one of its own codes: "Broker: Unknown topic or partition".
std::string kafka_error_text(std::int32_t code);

/// For the .cc files of this room that talk to librdkafka.
struct KafkaConfDelete {
  void operator()(rd_kafka_conf_s* conf) const;
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_s, KafkaConfDelete>;

/// A configuration with all of `properties` set. Errors as for check_kafka_properties().
Result<KafkaConf> make_kafka_conf(const KafkaProperties& properties, const KafkaNames& hidden = {},
                                  const KafkaProperties& given = {});

/// Starts a client: a producer if `producer`, else a consumer. librdkafka takes the configuration
/// over. `refused` with librdkafka's reason (contradicting properties, a certificate that is not
/// there). `connections` watches all of the client's connections, from the first on.
Result<rd_kafka_s*> start_kafka_client(KafkaConf conf, bool producer,
                                       KafkaConnections* connections = nullptr);

}  // namespace punchline
