// SIGHUP at the wrong moment, or with what does not do: the session before goes on.

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>

#include "tests/kafka/secure_scene.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kStands = "the connection to Kafka is made anew";
constexpr const char* kNotYet = "no new connection to Kafka yet: ";

/// The longest time without a record confirmed, while `done` does not hold.
Clock::duration longest_pause(Work& work, const std::function<bool()>& done) {
  auto worst = Clock::duration::zero();
  auto since = Clock::now();
  double last = work.confirmed();
  const bool is_done = eventually(seconds(60), [&] {
    const auto confirmed = work.confirmed();
    const auto now = Clock::now();
    worst = std::max(worst, now - since);
    if (confirmed != last) since = now;
    last = confirmed;
    return done();
  });
  INFO(work.agent().log());
  REQUIRE(is_done);
  return worst;
}

/// SIGHUP with what does not do: it is told, and tried again twice at least.
void goes_on_through(Work& work, const std::string& words) {
  const auto told = occurrences(work.agent().log(), kNotYet);
  const auto renewed = work.agent().metric("punchline_kafka_instances_renewed_total");
  work.agent().process().signal(SIGHUP);
  const auto end = Clock::now() + seconds(8);
  CHECK(longest_pause(work, [&] { return Clock::now() >= end; }) < seconds(2));
  const auto log = work.agent().log();
  INFO(log);
  CHECK(log.find(words) != std::string::npos);
  CHECK(occurrences(log, kNotYet) == told + 1);
  CHECK(work.agent().metric("punchline_kafka_reconnecting") == 1);
  CHECK(work.agent().metric("punchline_kafka_instances_renewed_total") == renewed);
}

/// What was missing is there, and nobody says so.
void takes_over(Work& work) {
  const auto before = occurrences(work.agent().log(), kStands);
  const auto stands = [&] { return occurrences(work.agent().log(), kStands) > before; };
  CHECK(longest_pause(work, stands) < seconds(2));
  REQUIRE(work.goes_on());
  CHECK(work.agent().metric("punchline_kafka_reconnecting") == 0);
}

TEST_CASE("half a pair, half a file, no file: the session before goes on, the whole takes over") {
  auto& kafka = shared_kafka();
  kafka.cluster().create_topic("half", 2);
  kafka.grant("CN=client", "half");
  const Place place("half");
  place.put_ca(kafka.authority());
  place.put_client(kafka.authority());
  Work work(place, place.setup("TLS", "half", place.tls_with_certificate()));
  REQUIRE(work.goes_on());
  const auto key = [&] { return "ssl.key.location is " + place.file("client.key"); };
  const auto certificate = "ssl.certificate.location is " + place.file("client.pem");

  const auto next = kafka.authority().issue("client");
  replace_file(place.file("client.pem"), read_file(next.certificate));
  goes_on_through(work, key());
  replace_file(place.file("client.key"), read_file(next.key));
  takes_over(work);

  const auto whole = read_file(place.file("client.pem"));
  replace_file(place.file("client.pem"), whole.substr(0, 300));
  goes_on_through(work, certificate);
  replace_file(place.file("client.pem"), whole);
  takes_over(work);

  std::filesystem::rename(place.file("client.key"), place.file("elsewhere"));
  goes_on_through(work, key());
  std::filesystem::rename(place.file("elsewhere"), place.file("client.key"));
  takes_over(work);
  work.finish(20);
}

TEST_CASE("a certificate, an authority, a password that is not taken: the session before goes on") {
  auto& kafka = shared_kafka();
  kafka.cluster().create_topic("refusing", 2);
  kafka.grant("CN=client", "refusing");
  const TempDir elsewhere("elsewhere");
  const Authority stranger(elsewhere.path(), "stranger");
  const Place shows("refusing-tls");
  shows.put_ca(kafka.authority());
  shows.put_client(kafka.authority());
  Work tls(shows, shows.setup("TLS", "refusing", shows.tls_with_certificate()));
  REQUIRE(tls.goes_on());
  shows.put_client(stranger);
  goes_on_through(tls, "the broker does not accept our certificate");
  shows.put_client(kafka.authority());
  takes_over(tls);
  shows.put_ca(stranger);
  goes_on_through(tls, "is not signed by a CA of ssl.ca.location");
  shows.put_ca(kafka.authority());
  takes_over(tls);
  tls.finish(20);
}

TEST_CASE("a password, a user, rights that do not do: the session before goes on") {
  auto& kafka = shared_kafka();
  kafka.set_password("dora", "SCRAM-SHA-512", kPassword);
  kafka.set_password("emil", "SCRAM-SHA-512", kPassword);
  kafka.cluster().create_topic("kept", 2);
  kafka.grant("dora", "kept");
  const Place place("kept");
  place.put_password(kPassword);
  Work work(place, place.setup("SASL", "kept", place.sasl_with_file("SCRAM-SHA-512", "dora")));
  REQUIRE(work.goes_on());

  place.put_password("Wrong-Horse-8");
  goes_on_through(work, "Authentication failed");
  place.put_password(kPassword);
  takes_over(work);

  std::filesystem::remove(place.file("password"));
  work.agent().process().signal(SIGHUP);
  REQUIRE(work.agent().logs("; going on as before, trying again each few seconds"));
  place.put_password(kPassword);
  takes_over(work);

  place.configure(place.sasl_with_file("SCRAM-SHA-512", "emil"));
  goes_on_through(work, "Failed to acquire idempotence PID");
  kafka.grant("emil", "kept");
  takes_over(work);
  CHECK(work.agent().log().find(kPassword) == std::string::npos);
  work.finish(20);
}

TEST_CASE("the session before is lost while only half a pair is there: that is told") {
  auto& kafka = shared_kafka();
  kafka.cluster().create_topic("lost", 2);
  kafka.grant("CN=client", "lost");
  const Place place("lost");
  place.put_ca(kafka.authority());
  place.put_client(kafka.authority());
  Work work(place, place.setup("TLS", "lost", place.tls_with_certificate()));
  REQUIRE(work.goes_on());
  const auto next = kafka.authority().issue("client");
  replace_file(place.file("client.pem"), read_file(next.certificate));
  work.agent().process().signal(SIGHUP);
  REQUIRE(work.agent().logs("; the one before goes on, trying again each few seconds"));
  kafka.restart_with_new_authority();
  REQUIRE(work.agent().logs("no new Kafka client: "));
  CHECK(work.agent().page("/status").find("no Kafka client can be made: ") != std::string::npos);
  REQUIRE(work.appends());
  const auto begin = Clock::now();
  place.put_ca(kafka.authority());
  place.put_client(kafka.authority());
  REQUIRE(work.goes_on());
  CHECK(Clock::now() - begin < seconds(20));
  work.finish(20);
}

TEST_CASE("TERM while a new connection is tried") {
  auto& kafka = shared_kafka();
  kafka.cluster().create_topic("ends", 2);
  kafka.grant("CN=client", "ends");
  const Place place("ends");
  place.put_ca(kafka.authority());
  place.put_client(kafka.authority());
  Work work(place, place.setup("TLS", "ends", place.tls_with_certificate()));
  REQUIRE(work.goes_on());
  replace_file(place.file("client.key"), "");
  work.agent().process().signal(SIGHUP);
  REQUIRE(work.agent().logs(kNotYet));
  work.finish();
}

}  // namespace
}  // namespace punchline::testing
