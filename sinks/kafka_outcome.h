#pragma once

#include <cstdint>
#include <string>

#include "sinks/sink.h"

namespace punchline {

/// Why a record did not arrive: the distinctions that decide what happens next.
enum class KafkaFault : std::uint8_t {
  none,           ///< It did arrive, or that is only not proved.
  record_level,   ///< Some record of the request is not acceptable to the broker.
  transient,      ///< Passes by itself: send again with back-off.
  configuration,  ///< Stays until somebody changes rights, topic or settings: send again, alarm.
  local,          ///< Came back before it was sent.
  fatal,          ///< The client instance is lost; a new one is made.
};

/// The meaning of one delivery report.
struct KafkaOutcome {
  Outcome outcome = Outcome::unknown;
  KafkaFault fault = KafkaFault::transient;
  friend constexpr bool operator==(KafkaOutcome, KafkaOutcome) = default;
};

/// What a delivery report proves. `code` is an rd_kafka_resp_err_t. `has_offset` says whether the
/// report carries an offset that a broker gave (RequestOffsets).
///
/// Success without an offset is only inferred by the client, so it proves nothing. librdkafka
/// reports it for records after which a later batch succeeded (rdkafka_broker.c,
/// rd_kafka_dr_implicit_ack) and for DUPLICATE_SEQUENCE_NUMBER. A code that is not in the table
/// counts as transient with unknown outcome, so that nothing is lost with a newer library or
/// broker. Sources: librdkafka 2.0.2 rd_kafka_handle_Produce_error, INTRODUCTION.md, and one error
/// of each kind injected under a batch.
KafkaOutcome kafka_outcome(std::int32_t code, bool has_offset);

/// Tells real offsets in the reports of one request from numbers that only look like offsets. Pass
/// the reports' offsets one by one. librdkafka counts up from the first record's offset
/// (rd_kafka_msgq_set_metadata, also in 2.15). So with DUPLICATE_SEQUENCE_NUMBER it counts from -1:
/// -1, 0, 1, 2 for records to which no broker has given a place.
class RequestOffsets {
 public:
  /// Whether `offset`, that of the next report, was given by a broker.
  bool is_given(std::int64_t offset);

 private:
  std::int64_t counted_ = -1;  // what comes next if the count began at none
};

/// Whether a broker that refused one record alone for this reason would refuse it again, as long as
/// the topic is not changed. Other refusals can come from a fault on the way.
bool is_certain_refusal(std::int32_t code);

/// Whether the destination objects to the timestamp of a record.
bool is_refusal_of_time(std::int32_t code);

/// Whether the destination objects to the size of a record.
bool is_refusal_of_size(std::int32_t code);

/// The code's name as librdkafka writes it ("MSG_SIZE_TOO_LARGE", "_TRANSPORT"); "CODE_<n>" for
/// one that is not in the table. There are few names, so they can be a metric's label.
std::string kafka_code_name(std::int32_t code);

}  // namespace punchline
