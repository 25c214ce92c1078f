#include "sinks/kafka_client.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "buffer/base/nearest.h"
#include "sinks/kafka_certificate.h"
#include "sinks/kafka_connections.h"

namespace punchline {
namespace {

void keep_nearest(const char** dump, std::size_t count, std::string_view wanted,
                  std::pair<std::size_t, std::string>& best) {
  for (std::size_t i = 0; i + 1 < count; i += 2) {  // name, value, name, value ...
    const std::size_t distance = edit_distance(dump[i], wanted);
    if (distance < best.first) best = {distance, dump[i]};
  }
  rd_kafka_conf_dump_free(dump, count);
}

/// Looks among the properties that have a default value, and in kUnset: a dump leaves out
/// properties without a value.
std::string nearest_property(const rd_kafka_conf_t* conf, std::string_view wanted) {
  constexpr std::array kUnset = {"bootstrap.servers",
                                 "sasl.username",
                                 "sasl.password",
                                 "ssl.ca.location",
                                 "ssl.ca.pem",
                                 "ssl.key.location",
                                 "linger.ms",
                                 "compression.type",
                                 "ssl.certificate.location",
                                 "debug",
                                 "client.rack",
                                 "acks"};
  std::pair<std::size_t, std::string> best{wanted.size(), ""};
  for (const char* name : kUnset) {
    if (const auto distance = edit_distance(name, wanted); distance < best.first) {
      best = {distance, name};
    }
  }
  std::size_t count = 0;
  const char** dump = rd_kafka_conf_dump(const_cast<rd_kafka_conf_t*>(conf), &count);
  keep_nearest(dump, count, wanted, best);
  return best.first <= wanted.size() / 3 + 1 ? best.second : "";
}

Error unknown(const rd_kafka_conf_t* conf, const std::string& name) {
  std::string text = "kafka property " + name + " is not known to librdkafka";
  if (auto nearest = nearest_property(conf, name); !nearest.empty()) {
    text.append(", did you mean ").append(nearest).append("?");
  }
  return {ErrorKind::refused, 0, std::move(text)};
}

/// librdkafka's reasons use its own name of a property. This puts in the name that was typed.
std::string named(std::string reason, const std::string& name, const std::string& typed) {
  const auto at = reason.find('"' + name + '"');
  return at == std::string::npos ? reason : reason.replace(at + 1, name.size(), typed);
}

Error unfit(const std::string& name, const std::string& value, const std::string& reason) {
  return {ErrorKind::refused, 0,
          "kafka property " + name + " = " + printable_value(name, value) + ": " + reason};
}

/// For a value that must not be shown, since librdkafka's reasons quote it.
Error unfit_unseen(const std::string& name) {
  return {ErrorKind::refused, 0,
          "kafka property " + name + " = (hidden): librdkafka does not accept the value"};
}

}  // namespace

void KafkaConfDelete::operator()(rd_kafka_conf_s* conf) const {
  rd_kafka_conf_destroy(conf);
}

Result<KafkaConf> make_kafka_conf(const KafkaProperties& properties, const KafkaNames& hidden,
                                  const KafkaProperties& given) {
  KafkaConf conf(rd_kafka_conf_new());
  rd_kafka_conf_set_ssl_cert_verify_cb(conf.get(), explain_certificate);
  for (const auto& [name, value] : properties) {
    std::array<char, 512> reason{};
    const auto answer =
        rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), reason.data(), reason.size());
    if (answer == RD_KAFKA_CONF_OK) continue;
    const auto as_given = given.find(name);
    const auto& typed = as_given == given.end() ? name : as_given->second;
    if (answer == RD_KAFKA_CONF_UNKNOWN) return unknown(conf.get(), typed);
    if (is_secret_property(name) || hidden.contains(name)) return unfit_unseen(typed);
    return unfit(typed, value, named(reason.data(), name, typed));
  }
  return conf;
}

Status check_kafka_properties(const KafkaProperties& properties, const KafkaNames& hidden,
                              const KafkaProperties& given) {
  auto conf = make_kafka_conf(properties, hidden, given);
  if (!conf) return conf.error();
  return {};
}

Status check_kafka_property(const std::string& name) {
  const KafkaConf conf(rd_kafka_conf_new());
  const auto answer = rd_kafka_conf_set(conf.get(), name.c_str(), "", nullptr, 0);
  if (answer == RD_KAFKA_CONF_UNKNOWN) return unknown(conf.get(), name);
  return {};
}

KafkaReading kafka_reading() {
  return [](const std::string& name, const std::string& value) {
    const KafkaConf conf(rd_kafka_conf_new());
    if (rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), nullptr, 0) !=
        RD_KAFKA_CONF_OK) {
      return value;
    }
    const std::string asked(canonical_property(name));
    std::size_t bytes = 0;  // with the NUL at its end
    if (rd_kafka_conf_get(conf.get(), asked.c_str(), nullptr, &bytes) != RD_KAFKA_CONF_OK ||
        bytes == 0) {
      return value;
    }
    std::string read(bytes, '\0');
    rd_kafka_conf_get(conf.get(), asked.c_str(), read.data(), &bytes);
    read.resize(bytes - 1);
    return read;
  };
}

std::string kafka_error_text(std::int32_t code) {
  return rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code));
}

Result<rd_kafka_s*> start_kafka_client(KafkaConf conf, bool producer,
                                       KafkaConnections* connections) {
  std::array<char, 512> reason{};
  if (connections != nullptr) connections->watch(conf.get());
  rd_kafka_t* client = rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf.get(),
                                    reason.data(), reason.size());
  if (client == nullptr) {
    // librdkafka 2.0.2 has freed its interceptors by then, and would free them again. So the
    // configuration is left as it is.
    if (connections != nullptr && connections->watching()) (void)conf.release();
    return Error(ErrorKind::refused, 0, std::string("kafka client: ") + reason.data());
  }
  (void)conf.release();  // rd_kafka_new took it
  return client;
}

}  // namespace punchline
