#include "sinks/kafka_certificate.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

namespace punchline {
namespace {

constexpr const char* kUntrusted = "is not signed by a CA of ssl.ca.location";

/// X509_V_ERR_... of openssl/x509_vfy.h, those that an operator meets.
constexpr std::array<std::pair<int, const char*>, 10> kWords = {{
    {9, "is not valid yet"},
    {10, "has expired"},
    {18, kUntrusted},
    {19, kUntrusted},
    {20, kUntrusted},
    {21, kUntrusted},
    {23, "has been revoked"},
    {26, "is not meant for servers"},
    {62, "is for another host name than the one we connect to"},
    {64, "is for another IP address than the one we connect to"},
}};

/// librdkafka's guesses, which lead astray: "broker version is < 0.10", "increase ...".
constexpr std::array<std::string_view, 3> kGuesses = {": might be caused by",
                                                      ": probably due to broker version", " (0.."};

std::string without_guess(const std::string& text) {
  auto end = text.size();
  for (const auto guess : kGuesses)
    end = std::min(end, text.find(guess));
  return text.substr(0, end);
}

/// What librdkafka or OpenSSL says, and what we say instead.
struct OtherProtocol {
  std::string_view said;
  const char* words;
};
constexpr std::array<OtherProtocol, 9> kOtherProtocols = {{
    {"SSL routines::unexpected eof while reading",
     "no TLS is spoken at this port, or it is cut off: port and security.protocol may not fit"},
    {"SSL routines::wrong version number",
     "no TLS is spoken at this port: port and security.protocol do not fit"},
    {"Request not valid in current SASL state",
     "no SASL is spoken at this port: port and security.protocol do not fit"},
    {"Invalid response size 1213486160",  // "HTTP"
     "an HTTP server answers at this port"},
    {"Invalid response size 352518",  // an alert of TLS
     "TLS is spoken at this port: port and security.protocol do not fit"},
    {"Invalid response size", "what answers at this port is not Kafka"},
    {"ApiVersionRequest failed: Local: Timed out",
     "nothing comes back that is Kafka's: another protocol's port, or a broker that stands still"},
    {"Disconnected while requesting ApiVersion",
     "the other side closes the connection at our first request: a TLS port, or not Kafka"},
    {"Idempotent producer not supported by any of the", kTakesNoRecords},
}};

const OtherProtocol* other_protocol(const std::string& text) {
  const auto* found = std::find_if(
      kOtherProtocols.begin(), kOtherProtocols.end(),
      [&](const OtherProtocol& each) { return text.find(each.said) != std::string::npos; });
  return found != kOtherProtocols.end() ? found : nullptr;
}

}  // namespace

int explain_certificate(rd_kafka_s* /*client*/, const char* /*broker*/, std::int32_t /*id*/,
                        int* x509_error, int /*depth*/, const char* /*certificate*/,
                        std::size_t /*bytes*/, char* words, std::size_t words_bytes,
                        void* /*opaque*/) {
  if (*x509_error == 0) return 1;
  const auto* found = std::find_if(kWords.begin(), kWords.end(),
                                   [=](const auto& each) { return each.first == *x509_error; });
  if (found != kWords.end()) {
    std::snprintf(words, words_bytes, "%s", found->second);
  } else {
    std::snprintf(words, words_bytes, "is not valid: OpenSSL's verify error %d", *x509_error);
  }
  return 0;
}

std::optional<std::string> certificate_trouble(std::string_view facility, std::string_view text) {
  constexpr std::string_view kBegin = "Certificate (";
  constexpr std::string_view kFailed = " verification callback failed:";
  const auto begin = text.find(kBegin);
  const auto failed = text.rfind(kFailed);
  if (facility != "SSLCERTVRFY" || begin == text.npos || failed == text.npos) return std::nullopt;
  const auto name = text.substr(begin + kBegin.size(), failed - begin - kBegin.size());
  return "certificate (" + std::string(name) + std::string(text.substr(failed + kFailed.size()));
}

bool is_of_the_protocol(const std::string& text) {
  return other_protocol(text) != nullptr;
}

std::string explained(const std::string& text, const std::string& trouble) {
  const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  if (says("certificate verify failed") && !trouble.empty()) return trouble + "; " + text;
  if (says("SSL alert") && (says("certificate") || says("unknown ca"))) {
    return "the broker does not accept our certificate, or we have none; " + text;
  }
  const auto* other = other_protocol(text);
  return other != nullptr ? std::string(other->words) + "; " + without_guess(text) : text;
}

}  // namespace punchline
