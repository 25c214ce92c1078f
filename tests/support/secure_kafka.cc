#include "tests/support/secure_kafka.h"

#include <filesystem>
#include <stdexcept>

namespace punchline::testing {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);

constexpr const char* kAnswer = "done\n";
constexpr const char* kModules = "org.apache.kafka.common.security.";

// Kafka wants key and certificate in one file.
void write_store(const std::string& path, const Certificate& certificate) {
  write_file(path, read_file(certificate.key) + read_file(certificate.certificate));
}

// Among warnings of Kafka's client.
std::size_t answers(const std::string& said) {
  std::size_t count = 0;
  for (auto at = said.find(kAnswer); at != said.npos; at = said.find(kAnswer, at + 1))
    ++count;
  return count;
}

void add_sasl(std::map<std::string, std::string>& properties, const std::string& listener) {
  const auto set = [&](const std::string& mechanism, const std::string& module) {
    properties["listener.name." + listener + "." + mechanism + ".sasl.jaas.config"] =
        kModules + module + ";";
  };
  set("plain", std::string("plain.PlainLoginModule required user_") + SecureKafka::kPlainUser +
                   "=\"" + SecureKafka::kPlainPassword + "\"");
  set("scram-sha-256", "scram.ScramLoginModule required");
  set("scram-sha-512", "scram.ScramLoginModule required");
  set("oauthbearer",
      "oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"nobody\"");
}

}  // namespace

SecureKafka::SecureKafka()
    : cluster_(options()),
      admin_({.argv = cluster_.java(
                  {"-XX:TieredStopAtLevel=1", PUNCHLINE_SECURITY_ADMIN, cluster_.bootstrap()}),
              .stdin_path = ""}) {
  cluster_.start();
}

void SecureKafka::install_new_authority() {
  const auto name = "ca-" + std::to_string(++authorities_);
  std::filesystem::create_directory(folder_.file(name));
  authority_ = std::make_unique<Authority>(folder_.file(name), name);
  write_store(folder_.file("server-store"), authority_->issue("server"));
  write_store(folder_.file("expired-store"),
              authority_->issue("expired", Authority::Validity::expired));
  write_file(folder_.file("trusted"), read_file(authority_->file()));
}

KafkaCluster::Options SecureKafka::options() {
  install_new_authority();
  std::map<std::string, std::string> properties = {
      {"ssl.keystore.type", "PEM"},
      {"ssl.keystore.location", folder_.file("server-store")},
      {"ssl.truststore.type", "PEM"},
      {"ssl.truststore.location", folder_.file("trusted")},
      {"ssl.client.auth", "required"},
      {"listener.name.expired.ssl.keystore.type", "PEM"},
      {"listener.name.expired.ssl.keystore.location", folder_.file("expired-store")},
      {"listener.name.sasl_tls.ssl.client.auth", "none"},
      {"sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER"},
      {"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
      {"super.users", "User:ANONYMOUS"}};
  add_sasl(properties, "sasl");
  add_sasl(properties, "sasl_tls");
  return {.properties = properties,
          .listeners = {{"TLS", "SSL"},
                        {"EXPIRED", "SSL"},
                        {"SASL", "SASL_PLAINTEXT"},
                        {"SASL_TLS", "SASL_SSL"}},
          .started = false};  // both Javas take seconds: beside each other
}

void SecureKafka::restart_with_new_authority() {
  cluster_.kill9(0);
  install_new_authority();
  cluster_.restart(0);
}

void SecureKafka::command(const std::string& line) {
  admin_.send(line + "\n");
  ++commands_;
  const bool came = eventually(
      kPatience, [&] { return answers(admin_.out()) == commands_ || !admin_.running(); });
  if (!came) throw std::runtime_error(line + ": " + admin_.out() + admin_.err());
}

void SecureKafka::set_password(const std::string& user, const std::string& mechanism,
                               const std::string& password) {
  command("scram " + user + " " + mechanism + " " + password);
}

void SecureKafka::grant(const std::string& user, const std::string& topic) {
  command("grant " + user + " " + topic);
}

void SecureKafka::revoke(const std::string& user, const std::string& topic) {
  command("revoke " + user + " " + topic);
}

}  // namespace punchline::testing
