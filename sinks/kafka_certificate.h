#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct rd_kafka_s;

namespace punchline {

/// For rd_kafka_conf_set_ssl_cert_verify_cb. It judges nothing itself. It puts OpenSSL's verdict
/// into words, since librdkafka 2.0.2 reports only that verification failed. The words come back in
/// a log event, see certificate_trouble(). Called by librdkafka's threads; has no state.
int explain_certificate(rd_kafka_s* client, const char* broker, std::int32_t id, int* x509_error,
                        int depth, const char* certificate, std::size_t bytes, char* words,
                        std::size_t words_bytes, void* opaque);

/// "certificate (subject=..., issuer=...) has expired", taken from the log event that
/// explain_certificate() leads to. Empty for any other event.
std::optional<std::string> certificate_trouble(std::string_view facility, std::string_view text);

/// librdkafka's text on a failed connection. If that is not plain, a reason in plain words comes
/// before it: the last certificate_trouble(), that the broker does not accept our certificate, or
/// that this port speaks another protocol.
std::string explained(const std::string& text, const std::string& trouble);

/// About a port that speaks Kafka's protocol and knows neither topics nor producers.
inline constexpr const char* kTakesNoRecords =
    "what answers at this port is no broker that takes records (a controller's port?), or older "
    "than Kafka 0.11";

/// Whether librdkafka's text means that the port and security.protocol do not fit. Then neither
/// certificates nor passwords are to blame.
bool is_of_the_protocol(const std::string& text);

}  // namespace punchline
