#pragma once

#include <cstdint>

/// The codes that this room treats specially, under their names in rd_kafka_resp_err_t
/// (rdkafka.h). Codes above 0 come from a broker (Kafka protocol guide, "Error Codes"), those below
/// from the client.
namespace punchline::kafka_codes {

inline constexpr std::int32_t kOffsetOutOfRange = 1;
inline constexpr std::int32_t kUnknownTopic = 3;
inline constexpr std::int32_t kLeaderNotAvailable = 5;
inline constexpr std::int32_t kMsgSizeTooLarge = 10;
inline constexpr std::int32_t kTopicException = 17;
inline constexpr std::int32_t kTopicAuthorizationFailed = 29;
inline constexpr std::int32_t kInvalidTimestamp = 32;
inline constexpr std::int32_t kInconsistentClusterId = 104;
inline constexpr std::int32_t kGaplessGuarantee = -148;
inline constexpr std::int32_t kFatal = -150;
inline constexpr std::int32_t kAuthentication = -169;
inline constexpr std::int32_t kSsl = -181;
inline constexpr std::int32_t kTimedOut = -185;
inline constexpr std::int32_t kAllBrokersDown = -187;
inline constexpr std::int32_t kMsgTimedOut = -192;
inline constexpr std::int32_t kResolve = -193;
inline constexpr std::int32_t kNoResource = -194;
inline constexpr std::int32_t kTransport = -195;

}  // namespace punchline::kafka_codes
