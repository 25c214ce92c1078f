#include "tests/kafka/secure_scene.h"

#include <filesystem>
#include <vector>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kcat.h"
#include "tests/support/occurrences.h"

namespace punchline::testing {

using std::chrono::seconds;

SecureKafka& shared_kafka() {
  static SecureKafka kafka;
  return kafka;
}

std::string text(const std::string& value) {
  return '"' + value + '"';
}
std::string in_file(const std::string& path) {
  return R"({"file": ")" + path + R"("})";
}

void replace_file(const std::string& path, const std::string& contents) {
  write_file(path + ".new", contents);
  std::filesystem::rename(path + ".new", path);
}

std::size_t lines_at_info(const std::string& log) {
  return occurrences(log, "\n") - occurrences(log, " debug: ");
}

void Place::put_password(const std::string& password) const {
  replace_file(file("password"), password + "\n");
}

void Place::put_ca(const Authority& authority) const {
  replace_file(file("ca.pem"), read_file(authority.file()));
}

void Place::put_client(const Authority& authority) const {
  const auto made = authority.issue("client");
  replace_file(file("client.pem"), read_file(made.certificate));
  replace_file(file("client.key"), read_file(made.key));
}

Properties Place::tls() const {
  return {{"security.protocol", text("ssl")}, {"ssl.ca.location", text(file("ca.pem"))}};
}

Properties Place::tls_with_certificate() const {
  auto all = tls();
  all["ssl.certificate.location"] = text(file("client.pem"));
  all["ssl.key.location"] = text(file("client.key"));
  return all;
}

Properties Place::sasl(const std::string& mechanism, const std::string& user) const {
  return {{"security.protocol", text("sasl_plaintext")},
          {"sasl.mechanism", text(mechanism)},
          {"sasl.username", text(user)}};
}

Properties Place::sasl_with_file(const std::string& mechanism, const std::string& user) const {
  auto all = sasl(mechanism, user);
  all["sasl.password"] = in_file(file("password"));
  return all;
}

Properties Place::over_tls(Properties all) const {
  all["security.protocol"] = text("sasl_ssl");
  all["ssl.ca.location"] = text(file("ca.pem"));
  return all;
}

void Place::configure(const Properties& properties) const {
  std::string config = R"({"log_level": "debug", "kafka": {)";
  for (const auto& [name, value] : properties)
    config += (config.ends_with('{') ? "" : ", ") + text(name) + ": " + value;
  replace_file(file("config"), config + "}}");
}

RunSetup Place::setup(const std::string& listener, const std::string& topic,
                      const Properties& properties) const {
  configure(properties);
  return {.buffer = buffer(),
          .brokers = shared_kafka().cluster().bootstrap(listener),
          .topic = topic,
          .more = {"-c", file("config")}};
}

Work::Work(const Place& place, const RunSetup& setup)
    : topic_(setup.topic),
      place_(place),
      agent_(setup),
      producer_(corpus_, 0, place.buffer(), {.lines = 10'000'000, .lines_per_second = 4'000}) {}

bool Work::goes_on() {
  const auto before = confirmed();
  return eventually(seconds(30), [&] { return confirmed() > before + 2'000; });
}

bool Work::appends() {
  const auto before = producer_.appended();
  return eventually(seconds(30), [&] { return producer_.appended() > before + 2'000; });
}

void Work::finish(std::size_t lines_max) {
  producer_.stop();
  const std::vector<std::vector<std::uint64_t>> offsets = {producer_.join()};
  const bool drained = agent_.drains(seconds(60));
  INFO(agent_.log());
  REQUIRE(drained);
  CHECK(agent_.metric("punchline_set_aside_records") == 0);
  CHECK(agent_.metric("punchline_kafka_instances_renewed_total") < 20);
  CHECK(agent_.stop().code == 0);
  const auto account =
      settle(corpus_, offsets,
             read_topic(shared_kafka().cluster().bootstrap(), topic_, 2, place_.folder().path()));
  INFO(account.text());
  CHECK(account.sound());
  CHECK(lines_at_info(agent_.log()) <= lines_max);
}

}  // namespace punchline::testing
