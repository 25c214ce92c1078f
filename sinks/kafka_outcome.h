#pragma once

#include <cstdint>
#include <string>

#include "sinks/sink.h"

namespace punchline {

/// Why a record did not arrive, as far as it decides what happens next.
enum class KafkaFault : std::uint8_t {
  none,           ///< It did arrive, or it is only not proved.
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

/// What a delivery report proves. `code` is an rd_kafka_resp_err_t, `has_offset` whether the
/// report carries an offset that a broker gave (RequestOffsets).
///
/// Success without an offset is only inferred by the client and so proves nothing: librdkafka
/// reports it for records behind which a later batch succeeded (rdkafka_broker.c,
/// rd_kafka_dr_implicit_ack) and for DUPLICATE_SEQUENCE_NUMBER. A code that is not in the table
/// is taken as transient with unknown outcome, so that a newer library or broker loses nothing.
/// Sources: librdkafka 2.0.2 rd_kafka_handle_Produce_error, INTRODUCTION.md, and one error of each
/// kind injected under a batch.
KafkaOutcome kafka_outcome(std::int32_t code, bool has_offset);

/// Tells the offsets in the reports of one request, one after the other, from what only looks like
/// them: librdkafka counts up from the first record's (rd_kafka_msgq_set_metadata, also in 2.15),
/// and so from the -1 of DUPLICATE_SEQUENCE_NUMBER too: -1, 0, 1, 2 for records that no broker has
/// given a place.
class RequestOffsets {
 public:
  /// Whether this offset, the next report's, was given by a broker.
  bool is_given(std::int64_t offset);

 private:
  std::int64_t counted_ = -1;  // what comes next if the count began at none
};

/// Whether a broker that refused one record alone for this reason would do so again, as long as the
/// topic is as it is. The others may come of a fault on the way.
bool is_certain_refusal(std::int32_t code);

/// Whether it is the time of a record that the destination objects to.
bool is_refusal_of_time(std::int32_t code);

/// Whether it is the size of a record that the destination objects to.
bool is_refusal_of_size(std::int32_t code);

/// The code's name as librdkafka writes it ("MSG_SIZE_TOO_LARGE", "_TRANSPORT"), "CODE_<n>" for
/// one that is not in the table. Fit as a metric's label: there are few of them.
std::string kafka_code_name(std::int32_t code);

}  // namespace punchline
