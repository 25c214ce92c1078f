#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "buffer/base/result.h"
#include "sinks/kafka_settings.h"

// librdkafka's types by their tags, so that rdkafka.h is seen by .cc files alone.
struct rd_kafka_s;
struct rd_kafka_conf_s;
struct rd_kafka_topic_s;
struct rd_kafka_queue_s;

namespace punchline {

class KafkaConnections;

/// Whether librdkafka knows each property and takes its value. `refused`, with property, value,
/// librdkafka's reason and, for an unknown one, the nearest it knows; of secrets and of `hidden`
/// the name alone. A property is named as in `given`, where it stands there (KafkaSettings). Opens
/// no connection.
Status check_kafka_properties(const KafkaProperties& properties, const KafkaNames& hidden = {},
                              const KafkaProperties& given = {});

/// Whether there is a property of that name, whatever its value; errors as above. Opens no
/// connection.
Status check_kafka_property(const std::string& name);

/// How librdkafka reads values, for make_kafka_settings(): set, and asked back (rd_kafka_conf_get).
KafkaReading kafka_reading();

/// What librdkafka says of one of its own codes: "Broker: Unknown topic or partition".
std::string kafka_error_text(std::int32_t code);

/// For the .cc files of this room that talk to librdkafka.
struct KafkaConfDelete {
  void operator()(rd_kafka_conf_s* conf) const;
};
using KafkaConf = std::unique_ptr<rd_kafka_conf_s, KafkaConfDelete>;

/// A configuration with all of `properties` set; errors as check_kafka_properties().
Result<KafkaConf> make_kafka_conf(const KafkaProperties& properties, const KafkaNames& hidden = {},
                                  const KafkaProperties& given = {});

/// Starts a client; `producer` or else a consumer. librdkafka takes the configuration over.
/// `refused` with librdkafka's reason (contradicting properties, a certificate that is not there).
/// `connections` are watched from its first one on.
Result<rd_kafka_s*> start_kafka_client(KafkaConf conf, bool producer,
                                       KafkaConnections* connections = nullptr);

}  // namespace punchline
