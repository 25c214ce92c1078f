#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>

#include "tests/kafka/secure_scene.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kcat.h"
#include "tests/support/occurrences.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

Command check_command(const RunSetup& setup) {
  auto command = run_command(setup);
  std::replace(command.argv.begin(), command.argv.end(), std::string("run"), std::string("check"));
  return command;
}

struct Way {
  std::string name;
  std::string listener;
  std::string user;
  Properties properties;
  std::vector<std::string> environment = {};
};

// Returns what it sent.
std::string goes_through(const Way& way, const Place& place, const LogCorpus& corpus,
                         std::uint32_t number) {
  INFO(way.name);
  shared_kafka().grant(way.user, "ways");
  std::filesystem::remove(place.buffer());
  write_lines(corpus, number, 1000, place.buffer());
  auto sent = read_file(place.buffer());
  auto setup = place.setup(way.listener, "ways", way.properties);
  if (!way.environment.empty()) {
    setup.before = way.environment;
    setup.before.insert(setup.before.begin(), "env");
  }
  const auto checked = run(check_command(setup));
  INFO(checked.out << checked.err);
  CHECK(checked.exit.code == 0);
  const auto once = run_once(setup, seconds(40));
  INFO(once.err);
  REQUIRE(once.exit.code == 0);
  for (const char* secret : {kPassword, SecureKafka::kPlainPassword}) {
    CHECK_THAT(checked.out + checked.err, !Contains(secret));
    CHECK_THAT(once.out + once.err, !Contains(secret));
  }
  return sent;
}

TEST_CASE("records arrive by TLS, SCRAM, PLAIN, OAUTHBEARER; secrets from files or variables") {
  auto& kafka = shared_kafka();
  kafka.set_password("alice", "SCRAM-SHA-256", kPassword);
  kafka.set_password("alice", "SCRAM-SHA-512", kPassword);
  const Place place("ways");
  place.put_ca(kafka.authority());
  place.put_client(kafka.authority());
  place.put_password(kPassword);
  write_file(place.file("plain"), SecureKafka::kPlainPassword);
  const std::string variable = "PUNCHLINE_KAFKA_SASL_PASSWORD";
  auto plain = place.over_tls(place.sasl("PLAIN", SecureKafka::kPlainUser));
  plain["sasl.password"] = in_file(place.file("plain"));
  auto token = place.sasl("OAUTHBEARER", "unused");
  token["enable.sasl.oauthbearer.unsecure.jwt"] = "true";
  token["sasl.oauthbearer.config"] = text("principal=olga");
  const std::vector<Way> ways = {
      {"tls", "TLS", "CN=client", place.tls_with_certificate()},
      {"scram-256-file", "SASL", "alice", place.sasl_with_file("SCRAM-SHA-256", "alice")},
      {"scram-512-tls", "SASL_TLS", "alice",
       place.over_tls(place.sasl_with_file("SCRAM-SHA-512", "alice"))},
      {"scram-512-variable",
       "SASL",
       "alice",
       place.sasl("SCRAM-SHA-512", "alice"),
       {variable + "=" + kPassword}},
      {"scram-256-file-variable",
       "SASL",
       "alice",
       place.sasl("SCRAM-SHA-256", "alice"),
       {variable + "_FILE=" + place.file("password")}},
      {"plain-tls-file", "SASL_TLS", SecureKafka::kPlainUser, plain},
      {"plain-variable",
       "SASL",
       SecureKafka::kPlainUser,
       place.sasl("PLAIN", SecureKafka::kPlainUser),
       {variable + "=" + SecureKafka::kPlainPassword}},
      {"token", "SASL", "olga", token}};
  kafka.cluster().create_topic("ways", 1);
  const auto corpus = LogCorpus::committed();
  std::string sent;
  for (std::uint32_t i = 0; i < ways.size(); ++i)
    sent += goes_through(ways[i], place, corpus, i);
  const auto read = read_topic(kafka.cluster().bootstrap(), "ways", 1, place.folder().path());
  CHECK((read_file(read[0]) == sent));
}

TEST_CASE("a password from a file is in no log, page, or argument, whatever librdkafka logs") {
  auto& kafka = shared_kafka();
  kafka.set_password("alice", "SCRAM-SHA-256", kPassword);
  kafka.cluster().create_topic("hidden", 1);
  kafka.grant("alice", "hidden");
  kafka.grant(SecureKafka::kPlainUser, "hidden");
  for (const std::string mechanism : {"SCRAM-SHA-256", "PLAIN"}) {
    const bool plain = mechanism == "PLAIN";
    const std::string password = plain ? SecureKafka::kPlainPassword : kPassword;
    const Place place("hidden");
    place.put_password(password);
    auto properties = place.sasl_with_file(mechanism, plain ? SecureKafka::kPlainUser : "alice");
    properties["debug"] = text("all");
    write_file(place.buffer(), "one\ntwo\n");
    Agent agent(place.setup("SASL", "hidden", properties));
    REQUIRE(agent.drains(seconds(30)));
    for (const char* page : {"/", "/status", "/metrics", "/healthz"})
      CHECK_THAT(agent.page(page), !Contains(password));
    const auto process = "/proc/" + std::to_string(agent.process().pid());
    CHECK_THAT(read_file(process + "/cmdline"), Contains("run") && !Contains(password));
    CHECK(agent.stop().code == 0);
    CHECK_THAT(agent.log(), Contains("sasl.password = [redacted]"));  // so it did say all
    CHECK((agent.log().find(password) == std::string::npos));
  }
}

struct Refusal {
  std::string name;
  std::string listener;
  Properties properties;
  std::string words;
};

/// A refused start and a check of it, under way.
struct Attempt {
  Refusal refusal;
  std::unique_ptr<Place> place;
  std::unique_ptr<Process> once;
  std::unique_ptr<Process> check;
};

void begin(Attempt& attempt) {
  write_lines(LogCorpus::committed(), 0, 100, attempt.place->buffer());
  const auto setup =
      attempt.place->setup(attempt.refusal.listener, "refused", attempt.refusal.properties);
  auto once = run_command(setup);
  once.argv.insert(once.argv.end(), {"--once", "--timeout", "7"});  // a client is made anew in it
  attempt.once = std::make_unique<Process>(once);
  auto other = setup;
  other.buffer = attempt.place->file("other");  // the first one is locked
  attempt.check = std::make_unique<Process>(check_command(other));
}

void settle(Attempt& attempt) {
  INFO(attempt.refusal.name);
  const auto code = attempt.once->finish(seconds(40)).code;
  const auto log = attempt.once->err();
  INFO(log);
  CHECK(code == 69);
  CHECK(occurrences(log, "kafka: ") == 1);
  CHECK_THAT(log,
             Contains("certificates or passwords are wrong (") && Contains(attempt.refusal.words));
  // What was found, the cause, the end of the patience, the account, and what stays.
  CHECK(lines_at_info(log) <= 5);
  CHECK(attempt.check->finish(seconds(40)).code == 69);
  CHECK_THAT(attempt.check->out(),
             Contains("no    kafka: no broker answers: ") && Contains(attempt.refusal.words));
  const auto state = inspect(attempt.place->buffer());
  CHECK(state.waiting_records == 100);
  CHECK(state.front == 0);
  CHECK(state.set_aside == 0);
}

TEST_CASE("wrong passwords and certificates: 69, the cause in one line, nothing freed") {
  auto& kafka = shared_kafka();
  kafka.set_password("alice", "SCRAM-SHA-512", kPassword);
  kafka.cluster().create_topic("refused", 2);
  kafka.grant("alice", "refused");
  const TempDir elsewhere("elsewhere");
  const Authority stranger(elsewhere.path(), "stranger");
  std::vector<Attempt> attempts;
  const auto add = [&](const std::string& name, const std::string& listener,
                       const std::function<Properties(const Place&)>& properties,
                       const std::string& words) {
    auto place = std::make_unique<Place>("refused");
    place->put_ca(kafka.authority());
    place->put_client(kafka.authority());
    place->put_password("Wrong-Horse-8");
    auto all = properties(*place);
    attempts.push_back({{name, listener, all, words}, std::move(place), nullptr, nullptr});
  };
  add(
      "wrong SCRAM password", "SASL",
      [](const Place& place) { return place.sasl_with_file("SCRAM-SHA-512", "alice"); },
      "Authentication failed during authentication due to invalid credentials");
  add(
      "wrong PLAIN password", "SASL",
      [](const Place& place) { return place.sasl_with_file("PLAIN", SecureKafka::kPlainUser); },
      "Invalid username or password");
  add(
      "expired server certificate", "EXPIRED",
      [](const Place& place) { return place.tls_with_certificate(); }, ") has expired; ssl://");
  add(
      "unknown authority of the server", "TLS",
      [&](const Place& place) {
        place.put_ca(stranger);
        return place.tls_with_certificate();
      },
      "is not signed by a CA of ssl.ca.location");
  add(
      "no client certificate", "TLS", [](const Place& place) { return place.tls(); },
      "the broker does not accept our certificate, or we have none");
  add(
      "client certificate of a stranger", "TLS",
      [&](const Place& place) {
        place.put_client(stranger);
        return place.tls_with_certificate();
      },
      "the broker does not accept our certificate, or we have none");
  for (auto& attempt : attempts)
    begin(attempt);
  const Place put_right("refused");
  put_right.put_password("Wrong-Horse-8");
  Work work(put_right,
            put_right.setup("SASL", "refused", put_right.sasl_with_file("SCRAM-SHA-512", "alice")));
  REQUIRE(work.agent().logs("certificates or passwords are wrong"));
  put_right.put_password(kPassword);
  for (auto& attempt : attempts)
    settle(attempt);
  REQUIRE(work.goes_on());  // by itself
  work.finish();
}

TEST_CASE("a property unknown to librdkafka, or a certificate that is not there: 78") {
  const Place place("unknown");
  write_file(place.buffer(), "one\n");
  const auto fails = [&](const Properties& properties, const std::string& words) {
    const auto setup = place.setup("SASL", "t", properties);
    const auto once = run_once(setup);
    const auto checked = run(check_command(setup));
    INFO(once.err << checked.out);
    CHECK(once.exit.code == 78);
    CHECK(checked.exit.code == 78);
    CHECK_THAT(once.err, Contains(words) && !Contains(kPassword));
    CHECK_THAT(checked.out + checked.err, Contains(words) && !Contains(kPassword));
  };
  fails({{"sasl.pasword", text(kPassword)}},
        "sasl.pasword is not known to librdkafka, did you mean sasl.password?");
  fails(place.sasl_with_file("PLAIN", "paula"), "kafka.sasl.password: file ");
  fails({{"security.protocol", text("ssl")}, {"ssl.ca.location", text("/no/such.pem")}},
        "ssl.ca.location failed");
  CHECK(inspect(place.buffer()).waiting_records == 1);
}

TEST_CASE("an ACL is revoked under way and granted again: all arrive in order") {
  auto& kafka = shared_kafka();
  kafka.set_password("rita", "SCRAM-SHA-256", kPassword);
  kafka.cluster().create_topic("acl", 2);
  const Place place("acl");
  place.put_password(kPassword);
  const auto setup = place.setup("SASL", "acl", place.sasl_with_file("SCRAM-SHA-256", "rita"));
  const auto denied = run(check_command(setup));
  INFO(denied.out);
  CHECK(denied.exit.code == 69);
  CHECK_THAT(denied.out, Contains("no producer id is given") && Contains("grant Write on the") &&
                             Contains("topic acl cannot be used: ") &&
                             Contains("; grant Write on it"));
  kafka.grant("rita", "acl");
  REQUIRE(eventually(seconds(30), [&] { return run(check_command(setup)).exit.code == 0; }));
  Work work(place, setup);
  REQUIRE(work.goes_on());
  kafka.revoke("rita", "acl");
  REQUIRE(work.agent().logs("AUTHORIZATION_FAILED"));
  REQUIRE(work.appends());
  kafka.grant("rita", "acl");
  REQUIRE(work.goes_on());
  work.finish();
}

TEST_CASE("a password is changed and all certificates are replaced under way: nothing is lost") {
  auto& kafka = shared_kafka();
  kafka.set_password("carol", "SCRAM-SHA-512", kPassword);
  kafka.cluster().create_topic("changed", 2);
  kafka.grant("carol", "changed");
  const Place knows("changed");
  knows.put_password(kPassword);
  Work scram(knows, knows.setup("SASL", "changed", knows.sasl_with_file("SCRAM-SHA-512", "carol")));
  kafka.cluster().create_topic("rotated", 2);
  kafka.grant("CN=client", "rotated");
  const Place shows("rotated");
  shows.put_ca(kafka.authority());
  shows.put_client(kafka.authority());
  Work tls(shows, shows.setup("TLS", "rotated", shows.tls_with_certificate()));
  REQUIRE(scram.goes_on());
  REQUIRE(tls.goes_on());

  kafka.set_password("carol", "SCRAM-SHA-512", "Another-Horse-9");
  REQUIRE(scram.goes_on());  // whoever is connected stays so
  kafka.restart_with_new_authority();
  REQUIRE(scram.agent().logs("certificates or passwords are wrong (sasl_plaintext://"));
  REQUIRE(tls.agent().logs("is not signed by a CA of ssl.ca.location"));
  REQUIRE(scram.appends());

  shows.put_ca(kafka.authority());
  kafka.set_password("carol", "SCRAM-SHA-512", kPassword);
  REQUIRE(scram.goes_on());
  scram.finish();
  REQUIRE(tls.agent().logs("the broker does not accept our certificate"));
  shows.put_client(kafka.authority());
  REQUIRE(tls.goes_on());
  tls.finish();
}

}  // namespace
}  // namespace punchline::testing
