#include "sinks/kafka_outcome.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "sinks/kafka_codes.h"

namespace punchline {
namespace {

struct Row {
  std::int32_t code;
  std::string_view name;
  KafkaOutcome meaning;
};

constexpr KafkaOutcome kRefused{Outcome::refused, KafkaFault::record_level};
constexpr KafkaOutcome kPasses{Outcome::not_persisted, KafkaFault::transient};
constexpr KafkaOutcome kMaybe{Outcome::unknown, KafkaFault::transient};
constexpr KafkaOutcome kSettings{Outcome::not_persisted, KafkaFault::configuration};
constexpr KafkaOutcome kUnsent{Outcome::not_persisted, KafkaFault::local};
constexpr KafkaOutcome kUnsure{Outcome::unknown, KafkaFault::local};
constexpr KafkaOutcome kFatal{Outcome::unknown, KafkaFault::fatal};

// Sorted by code. A row says "not persisted" only if the broker or the client says so for certain.
constexpr std::array kRows = {
    Row{-199, "_BAD_MSG", kMaybe},
    Row{-198, "_BAD_COMPRESSION", kMaybe},
    Row{-197, "_DESTROY", kUnsure},
    Row{-196, "_FAIL", kMaybe},
    Row{-195, "_TRANSPORT", kMaybe},
    Row{-194, "_CRIT_SYS_RESOURCE", kMaybe},
    Row{-193, "_RESOLVE", kMaybe},
    Row{-192, "_MSG_TIMED_OUT", kUnsure},
    Row{-190, "_UNKNOWN_PARTITION", {Outcome::not_persisted, KafkaFault::transient}},
    Row{-188, "_UNKNOWN_TOPIC", {Outcome::not_persisted, KafkaFault::transient}},
    Row{-187, "_ALL_BROKERS_DOWN", kMaybe},
    Row{-185, "_TIMED_OUT", kMaybe},
    Row{-184, "_QUEUE_FULL", kUnsent},
    Row{-181, "_SSL", kMaybe},
    Row{-169, "_AUTHENTICATION", kMaybe},
    Row{-165, "_UNSUPPORTED_FEATURE", kMaybe},
    Row{-152, "_PURGE_QUEUE", kUnsent},
    Row{-151, "_PURGE_INFLIGHT", kUnsure},
    Row{-150, "_FATAL", kFatal},
    Row{-149, "_INCONSISTENT", kFatal},
    Row{-148, "_GAPLESS_GUARANTEE", kFatal},
    Row{-144, "_FENCED", kFatal},
    Row{-138, "_INVALID_DIFFERENT_RECORD", kPasses},  // KIP-467: refused because of another one
    Row{-1, "UNKNOWN", kMaybe},
    Row{1, "OFFSET_OUT_OF_RANGE", kMaybe},  // ours: a log that was set back
    Row{2, "INVALID_MSG", kRefused},  // corrupt on the way, or a record that is always "corrupt"
    Row{3, "UNKNOWN_TOPIC_OR_PART", kPasses},
    Row{4, "INVALID_MSG_SIZE", kRefused},
    Row{5, "LEADER_NOT_AVAILABLE", kPasses},
    Row{6, "NOT_LEADER_FOR_PARTITION", kPasses},
    Row{7, "REQUEST_TIMED_OUT", kMaybe},
    Row{8, "BROKER_NOT_AVAILABLE", kPasses},
    Row{9, "REPLICA_NOT_AVAILABLE", kPasses},
    Row{10, "MSG_SIZE_TOO_LARGE", kRefused},
    Row{13, "NETWORK_EXCEPTION", kMaybe},
    Row{17, "TOPIC_EXCEPTION", kSettings},
    Row{18, "RECORD_LIST_TOO_LARGE", kRefused},
    Row{19, "NOT_ENOUGH_REPLICAS", kPasses},
    Row{20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", kMaybe},
    Row{21, "INVALID_REQUIRED_ACKS", kSettings},
    Row{29, "TOPIC_AUTHORIZATION_FAILED", kSettings},
    Row{31, "CLUSTER_AUTHORIZATION_FAILED", kSettings},
    Row{32, "INVALID_TIMESTAMP", kRefused},
    Row{35, "UNSUPPORTED_VERSION", kSettings},
    Row{41, "NOT_CONTROLLER", kPasses},
    Row{42, "INVALID_REQUEST", kPasses},
    Row{43, "UNSUPPORTED_FOR_MESSAGE_FORMAT", kSettings},
    Row{44, "POLICY_VIOLATION", kPasses},  // also how Azure Event Hubs throttles
    Row{45, "OUT_OF_ORDER_SEQUENCE_NUMBER", kFatal},
    Row{46, "DUPLICATE_SEQUENCE_NUMBER", kMaybe},
    Row{47, "INVALID_PRODUCER_EPOCH", kPasses},
    Row{49, "INVALID_PRODUCER_ID_MAPPING", kPasses},
    Row{53, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", kSettings},
    Row{56, "KAFKA_STORAGE_ERROR", kPasses},
    Row{58, "SASL_AUTHENTICATION_FAILED", kSettings},
    Row{59, "UNKNOWN_PRODUCER_ID", kMaybe},
    Row{74, "FENCED_LEADER_EPOCH", kPasses},
    Row{75, "UNKNOWN_LEADER_EPOCH", kPasses},
    Row{76, "UNSUPPORTED_COMPRESSION_TYPE", kSettings},
    Row{87, "INVALID_RECORD", kRefused},
    Row{89, "THROTTLING_QUOTA_EXCEEDED", kPasses},
    Row{104, "INCONSISTENT_CLUSTER_ID", kFatal},  // ours: brokers of two clusters
};

static_assert(std::is_sorted(kRows.begin(), kRows.end(),
                             [](const Row& a, const Row& b) { return a.code < b.code; }));

const Row* find(std::int32_t code) {
  const auto* row =
      std::lower_bound(kRows.begin(), kRows.end(), code,
                       [](const Row& r, std::int32_t wanted) { return r.code < wanted; });
  return row != kRows.end() && row->code == code ? row : nullptr;
}

}  // namespace

KafkaOutcome kafka_outcome(std::int32_t code, bool has_offset) {
  if (code == 0) {
    return {has_offset ? Outcome::persisted : Outcome::unknown, KafkaFault::none};
  }
  const Row* row = find(code);
  return row != nullptr ? row->meaning : kMaybe;
}

bool RequestOffsets::is_given(std::int64_t offset) {
  if (offset >= 0 && offset != counted_) {
    counted_ = -1;
    return true;
  }
  counted_ = offset + 1;
  return false;
}

bool is_certain_refusal(std::int32_t code) {
  constexpr std::array kCertain = {10, 18, 32, 87};  // too large, its time, its key
  return std::find(kCertain.begin(), kCertain.end(), code) != kCertain.end();
}

bool is_refusal_of_time(std::int32_t code) {
  return code == kafka_codes::kInvalidTimestamp;
}

bool is_refusal_of_size(std::int32_t code) {
  return code == kafka_codes::kMsgSizeTooLarge;
}

std::string kafka_code_name(std::int32_t code) {
  if (code == 0) return "NO_ERROR";
  const Row* row = find(code);
  return row != nullptr ? std::string(row->name) : "CODE_" + std::to_string(code);
}

}  // namespace punchline
