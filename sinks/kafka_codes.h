#pragma once

#include <cstdint>

/// Codes that are told from others here, by the names of rd_kafka_resp_err_t (rdkafka.h): from a
/// broker above 0 (Kafka protocol guide, "Error Codes"), of the client's own below.
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
