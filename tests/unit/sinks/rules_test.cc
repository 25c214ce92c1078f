// The parts of the room that only decide: outcomes, settings, partitions, notices.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sinks/kafka_certificate.h"
#include "sinks/kafka_notices.h"
#include "sinks/kafka_outcome.h"
#include "sinks/kafka_settings.h"
#include "sinks/partitioner.h"
#include "tests/support/catch.h"

namespace punchline {
namespace {

TEST_CASE("only error 0 with an offset is persisted") {
  for (std::int32_t code = -220; code <= 150; ++code) {
    INFO(code);
    CHECK((kafka_outcome(code, false).outcome == Outcome::persisted) == false);
    CHECK((kafka_outcome(code, true).outcome == Outcome::persisted) == (code == 0));
  }
  CHECK(kafka_outcome(0, false) == KafkaOutcome{Outcome::unknown, KafkaFault::none});
}

TEST_CASE("what is counted up from no offset is none") {
  RequestOffsets given;
  for (const std::int64_t offset : {0, 1, 2, 3})
    CHECK(given.is_given(offset));
  RequestOffsets none;
  for (const std::int64_t offset : {-1, 0, 1, 2})
    CHECK_FALSE(none.is_given(offset));
  RequestOffsets long_one;
  for (std::int64_t offset = -1001; offset < 10; ++offset)
    CHECK_FALSE(long_one.is_given(offset));
  RequestOffsets alone;
  for (int i = 0; i < 3; ++i)
    CHECK_FALSE(alone.is_given(-1001));
}

TEST_CASE("each code has its meaning") {
  struct Case {
    std::int32_t code;
    Outcome outcome;
    KafkaFault fault;
  };
  const std::vector<Case> cases = {
      {10, Outcome::refused, KafkaFault::record_level},
      {4, Outcome::refused, KafkaFault::record_level},
      {18, Outcome::refused, KafkaFault::record_level},
      {87, Outcome::refused, KafkaFault::record_level},
      {32, Outcome::refused, KafkaFault::record_level},
      {2, Outcome::refused, KafkaFault::record_level},
      {-1, Outcome::unknown, KafkaFault::transient},
      {13, Outcome::unknown, KafkaFault::transient},
      {7, Outcome::unknown, KafkaFault::transient},
      {20, Outcome::unknown, KafkaFault::transient},
      {46, Outcome::unknown, KafkaFault::transient},
      {3, Outcome::not_persisted, KafkaFault::transient},
      {19, Outcome::not_persisted, KafkaFault::transient},
      {44, Outcome::not_persisted, KafkaFault::transient},
      {89, Outcome::not_persisted, KafkaFault::transient},
      {29, Outcome::not_persisted, KafkaFault::configuration},
      {31, Outcome::not_persisted, KafkaFault::configuration},
      {17, Outcome::not_persisted, KafkaFault::configuration},
      {43, Outcome::not_persisted, KafkaFault::configuration},
      {76, Outcome::not_persisted, KafkaFault::configuration},
      {21, Outcome::not_persisted, KafkaFault::configuration},
      {45, Outcome::unknown, KafkaFault::fatal},
      {-148, Outcome::unknown, KafkaFault::fatal},
      {-152, Outcome::not_persisted, KafkaFault::local},
      {-151, Outcome::unknown, KafkaFault::local},
      {-192, Outcome::unknown, KafkaFault::local},
      {-197, Outcome::unknown, KafkaFault::local},
      {12345, Outcome::unknown, KafkaFault::transient},
  };
  for (const Case& c : cases) {
    INFO(c.code << " " << kafka_code_name(c.code));
    CHECK(kafka_outcome(c.code, false) == KafkaOutcome{c.outcome, c.fault});
  }
  CHECK(kafka_code_name(10) == "MSG_SIZE_TOO_LARGE");
  CHECK(kafka_code_name(12345) == "CODE_12345");
}

TEST_CASE("a keyless record's partition follows from its position") {
  CHECK(keyless_partition(0, 65536, 3) == 0);
  CHECK(keyless_partition(65535, 65536, 3) == 0);
  CHECK(keyless_partition(65536, 65536, 3) == 1);
  CHECK(keyless_partition(3 * 65536ULL, 65536, 3) == 0);
  CHECK(keyless_partition(~0ULL, 1, 1) == 0);
  CHECK(keyless_partition(5ULL << 40U, 65536, 7) ==
        static_cast<std::int32_t>(((5ULL << 40U) / 65536) % 7));
}

// What UtilsTest of Kafka's clients asks of Utils.murmur2(). The hash is not to be had by itself,
// but its lower 31 bits modulo several primes are: together they tell it from any other.
TEST_CASE("a keyed record's partition is the one Java's clients choose") {
  const std::vector<std::pair<std::string, std::int32_t>> hashes = {
      {"21", -973932308},
      {"foobar", -790332482},
      {"a-little-bit-long-string", -985981536},
      {"a-little-bit-longer-string", -1486304829},
      {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
      {"abc", 479470107},
  };
  for (const auto& [key, hash] : hashes) {
    const auto positive = hash & 0x7fffffff;
    for (const std::int32_t count : {1, 4, 1009, 65'537, 999'983, 0x7fffffff}) {
      INFO(key << " of " << count);
      CHECK(keyed_partition(key, count) == positive % count);
    }
  }
  CHECK(keyed_partition("", 1'000'000) == 275'646'681 % 1'000'000);
}

std::string refusal(const KafkaProperties& user, const KafkaNeeds& needs = {}) {
  const auto settings = make_kafka_settings(user, needs);
  if (settings.ok()) return "";
  CHECK(settings.error().kind() == ErrorKind::refused);
  return settings.error().message();
}

TEST_CASE("properties that break a promise are refused with the reason") {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"acks", "0"},
      {"acks", "1"},
      {"request.required.acks", "1"},
      {"topic.acks", "1"},
      {"topic.request.required.acks", "0"},
      {"enable.idempotence", "false"},
      {"enable.gapless.guarantee", "false"},
      {"message.timeout.ms", "300000"},
      {"message.timeout.ms", "0"},
      {"delivery.timeout.ms", "120000"},
      {"topic.delivery.timeout.ms", "120000"},
      {"topic.topic.topic.message.timeout.ms", "120000"},
      {"topic.blacklist", "logs"},
      {"topic.topic.blacklist", "logs"},
      {"internal.termination.signal", "15"},
      {"delivery.report.only.error", "true"},
      {"queuing.strategy", "lifo"},
      {"transactional.id", "x"},
      {"transaction.timeout.ms", "60000"},
      {"partitioner", "murmur2"},
      {"log.queue", "false"},
      {"enabled_events", "0"},
      {"test.mock.num.brokers", "3"},
      {"retries", "0"},
      {"retries", "10"},
      {"message.send.max.retries", "5"},
      {"max.in.flight", "6"},
      {"max.in.flight.requests.per.connection", "1000000"},
      {"queue.buffering.max.messages", "99999"},
      {"queue.buffering.max.kbytes", "1024"},
      {"message.max.bytes", "1000000"},
  };
  for (const auto& [name, value] : broken) {
    INFO(name << "=" << value);
    const std::string text = refusal({{name, value}});
    CHECK(text.find(" is refused: ") != std::string::npos);
    CHECK(text.find("'" + value + "'") != std::string::npos);
  }
}

TEST_CASE("properties that keep the promises are passed through") {
  const KafkaProperties fine = {{"acks", "all"},
                                {"enable.idempotence", "true"},
                                {"message.timeout.ms", "2147483647"},
                                {"max.in.flight", "1"},
                                {"retries", "2147483647"},
                                {"queue.buffering.max.messages", "0"},
                                {"message.max.bytes", "2000000"},
                                {"linger.ms", "50"},
                                {"compression.type", "zstd"},
                                {"batch.size", "500000"},
                                {"batch.num.messages", "5000"},
                                {"bootstrap.servers", "k1:9092"},
                                {"something.new", "passed on, librdkafka judges it"}};
  const auto settings = make_kafka_settings(fine, {});
  REQUIRE(settings.ok());
  const auto& all = settings->properties;
  CHECK(all.at("request.required.acks") == "all");
  CHECK(all.at("queue.buffering.max.ms") == "50");
  CHECK(all.at("compression.codec") == "zstd");
  CHECK(all.at("metadata.broker.list") == "k1:9092");
  CHECK(all.at("something.new") == "passed on, librdkafka judges it");
  CHECK_FALSE(all.contains("acks"));
  CHECK(settings->batch_bytes == 500'000);
  CHECK(settings->batch_records == 5000);
  CHECK(settings->payload_bytes_max == 2'000'000 - 512);
}

TEST_CASE("our defaults stand where the user says nothing") {
  const auto settings = make_kafka_settings({}, {});
  REQUIRE(settings.ok());
  const auto& all = settings->properties;
  CHECK(all.at("enable.idempotence") == "true");
  CHECK(all.at("request.required.acks") == "-1");
  CHECK(all.at("enable.gapless.guarantee") == "true");
  CHECK(all.at("message.timeout.ms") == "2147483647");
  CHECK(all.at("client.id") == "punchline");
  CHECK(settings->batch_bytes == 1'000'000);
  CHECK(settings->payload_bytes_max >= 1 << 20);
}

TEST_CASE("the largest record fits, and a request limit below it is refused") {
  KafkaNeeds needs;
  needs.record_bytes_max = 64U << 20U;
  const auto settings = make_kafka_settings({}, needs);
  REQUIRE(settings.ok());
  CHECK(settings->payload_bytes_max >= needs.record_bytes_max);
  CHECK(refusal({{"message.max.bytes", "20000000"}}, needs).find("record_bytes_max") !=
        std::string::npos);
}

TEST_CASE("a refusal names the property as it was typed") {
  CHECK(refusal({{"acks", "1"}}, {}).starts_with("kafka property acks = '1' is refused"));
  CHECK(refusal({{"topic.acks", "1"}}, {}).starts_with("kafka property topic.acks = '1' is"));
  CHECK(refusal({{"max.in.flight", "6"}}, {}).starts_with("kafka property max.in.flight = '6' is"));
}

TEST_CASE("one property under two names must have one value") {
  CHECK(refusal({{"linger.ms", "5"}, {"queue.buffering.max.ms", "5"}}).empty());
  CHECK(refusal({{"linger.ms", "5"}, {"queue.buffering.max.ms", "6"}}).find("another name") !=
        std::string::npos);
}

TEST_CASE("secrets are not printed") {
  CHECK(printable_value("sasl.password", "s3cret") == "(hidden)");
  CHECK(printable_value("ssl.key.password", "s3cret") == "(hidden)");
  CHECK(printable_value("ssl.key.pem", "s3cret") == "(hidden)");
  CHECK(printable_value("sasl.oauthbearer.client.secret", "s3cret") == "(hidden)");
  CHECK(printable_value("linger.ms", "5") == "'5'");
}

TEST_CASE("a value that is to stay hidden is in no refusal") {
  const KafkaNeeds needs;
  for (const KafkaProperties& user :
       {KafkaProperties{{"acks", "s3cret"}}, KafkaProperties{{"transactional.id", "s3cret"}},
        KafkaProperties{{"linger.ms", "s3cret"}, {"queue.buffering.max.ms", "5"}},
        KafkaProperties{{"linger.ms", "5"}, {"queue.buffering.max.ms", "s3cret"}}}) {
    KafkaNames names;
    for (const auto& [name, value] : user)
      names.insert(name);
    const auto settings = make_kafka_settings(user, needs, names);
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().message().find("(hidden)") != std::string::npos);
    CHECK(settings.error().message().find("s3cret") == std::string::npos);
  }
  CHECK(make_kafka_settings({{"linger.ms", "5"}}, needs, {"linger.ms"})
            ->hidden.contains("queue.buffering.max.ms"));
}

TEST_CASE("what only looks gets the connection's properties alone") {
  const auto some = connection_properties({{"metadata.broker.list", "k"},
                                           {"sasl.password", "p"},
                                           {"ssl.ca.location", "c"},
                                           {"security.protocol", "ssl"},
                                           {"enable.idempotence", "true"},
                                           {"compression.codec", "zstd"}});
  CHECK(some.size() == 4);
  CHECK_FALSE(some.contains("enable.idempotence"));
}

Delivery report(RouteId route, Outcome outcome, std::int32_t code) {
  Delivery delivery;
  delivery.lane.route = route;
  delivery.outcome = outcome;
  delivery.code = code;
  delivery.records = 1;
  return delivery;
}

TEST_CASE("a trouble is told once when it begins and once when it is over") {
  KafkaNotices notices;
  std::vector<Notice> told;
  const TopicAnswer nobody{0, -185, false, 0};
  const TopicAnswer missing{0, 3, true, 0};
  const TopicAnswer there{0, 0, true, 4};

  notices.topic_answer(there, "t", told);
  CHECK(told.empty());
  notices.connection_error(-195, "k1:9092: Connection refused", told);
  notices.connection_error(-187, "1/1 brokers are down", told);
  CHECK(told.empty());
  notices.topic_answer(nobody, "t", told);
  notices.topic_answer(nobody, "t", told);
  REQUIRE(told.size() == 1);
  CHECK(told[0].text.find("k1:9092: Connection refused") != std::string::npos);
  CHECK(notices.broker_away());
  notices.topic_answer(missing, "t", told);
  notices.topic_answer(missing, "t", told);
  REQUIRE(told.size() == 3);
  CHECK(told[1].severity == Notice::Severity::info);
  CHECK(told[2].text.find("topic 't' does not exist") == 0);
  notices.topic_answer(there, "t", told);
  notices.topic_answer(there, "t", told);
  REQUIRE(told.size() == 4);
  CHECK(told[3].text == "topic 't' is there again, with 4 partitions");
  notices.topic_answer(missing, "t", told);
  notices.topic_answer({0, 0, true, 1}, "t", told);
  CHECK(told.back().text == "topic 't' is there again, with 1 partition");
}

TEST_CASE("a topic that was never there is not there again, and is told of while it is missing") {
  using namespace std::chrono_literals;
  KafkaNotices notices;
  std::vector<Notice> told;
  const TopicAnswer missing{0, 3, true, 0};
  const KafkaNotices::Time start{1h};
  notices.topic_answer(missing, "t", told);
  REQUIRE(told.size() == 1);
  for (auto at = start; at < start + 11min; at += 1s) {
    notices.topic_answer(missing, "t", told);
    notices.remind(at, told);
  }
  REQUIRE(told.size() == 3);
  CHECK(told[2].text == told[0].text);
  CHECK(told[2].severity == Notice::Severity::warning);
  notices.topic_answer({0, 0, true, 2}, "t", told);
  CHECK(told.back().text == "topic 't' is there now, with 2 partitions");
  notices.remind(start + 20min, told);
  CHECK(told.size() == 4);
}

TEST_CASE("a lack of descriptors of our own is not told as a broker that is away") {
  KafkaNotices notices;
  std::vector<Notice> told;
  notices.connection_error(-195, "k1:9092: Failed to create socket: Too many open files", told);
  notices.topic_answer({0, -185, false, 0}, "t", told);
  REQUIRE(told.size() == 1);
  CHECK(told[0].text.find("no Kafka broker answers") == std::string::npos);
  CHECK(told[0].text.find("raise ulimit -n or LimitNOFILE") != std::string::npos);
}

TEST_CASE("that no broker answers is told again while it lasts, with the last cause") {
  using namespace std::chrono_literals;
  KafkaNotices notices;
  std::vector<Notice> told;
  const KafkaNotices::Time start{1h};
  notices.remind(start, told);
  CHECK(told.empty());
  CHECK(notices.trouble().empty());
  notices.connection_error(-195, "k1:9092: Connection refused", told);
  CHECK(notices.trouble().empty());
  notices.topic_answer({0, -185, false, 0}, "t", told);
  CHECK(notices.trouble() == "k1:9092: Connection refused");
  REQUIRE(told.size() == 1);
  for (auto at = start; at < start + 10min; at += 1s)
    notices.remind(at, told);
  REQUIRE(told.size() == 2);
  CHECK(told[1].text == "still no Kafka broker answers, for 5 min: k1:9092: Connection refused");
  CHECK(told[1].severity == Notice::Severity::warning);
  notices.connection_error(-193, "k1: no such host", told);
  notices.remind(start + 10min, told);
  REQUIRE(told.size() == 3);
  CHECK(told[2].text == "still no Kafka broker answers, for 10 min: k1: no such host");
  notices.topic_answer({0, 0, true, 4}, "t", told);
  notices.remind(start + 15min, told);
  CHECK(told.size() == 4);
  CHECK(notices.trouble().empty());
  notices.topic_answer({0, -185, false, 0}, "t", told);
  notices.remind(start + 16min, told);
  CHECK(told.size() == 5);
  notices.connection_error(-169, "k1:9092: SASL authentication error", told);
  notices.remind(start + 21min, told);
  REQUIRE(told.size() == 7);
  CHECK(told[6].severity == Notice::Severity::error);
  CHECK(told[6].text ==
        "still no Kafka broker is of use, for 5 min: k1:9092: SASL authentication error");
}

TEST_CASE("wrong certificates and passwords are told once of each kind, also after another cause") {
  KafkaNotices notices;
  std::vector<Notice> told;
  const TopicAnswer nobody{0, -185, false, 0};
  notices.connection_error(-195, "k1:9092: Connection refused", told);
  notices.topic_answer(nobody, "t", told);
  CHECK_FALSE(notices.denied());
  notices.connection_error(-169, "k1:9092: SASL authentication error", told);
  notices.connection_error(-187, "1/1 brokers are down", told);
  CHECK(notices.denied());
  notices.connection_error(-195, "k1:9092: Connection refused", told);
  CHECK_FALSE(notices.denied());
  notices.certificate_trouble("certificate (subject=/CN=k1) has expired");
  notices.connection_error(-181, "k1:9092: certificate verify failed", told);
  notices.topic_answer(nobody, "t", told);
  CHECK(notices.denied());
  notices.connection_error(-169, "k1:9092: SASL authentication error", told);
  notices.connection_error(-181, "k1:9092: certificate verify failed", told);
  REQUIRE(told.size() == 3);
  CHECK(told[2].text.find("wrong (certificate (subject=/CN=k1) has expired; k1") !=
        std::string::npos);
  CHECK(told[1].severity == Notice::Severity::error);
  CHECK(told[1].text.find("certificates or passwords are wrong (k1:9092: SASL") !=
        std::string::npos);
  notices.topic_answer({0, 0, true, 4}, "t", told);
  CHECK_FALSE(notices.denied());
  notices.connection_error(-195, "k1: alert bad certificate: SSL alert number 42", told);
  notices.topic_answer(nobody, "t", told);
  CHECK(notices.denied());
  REQUIRE(told.size() == 5);
  CHECK(told[4].text.find("the broker does not accept our certificate") != std::string::npos);
}

TEST_CASE("a certificate's fault is put into words, and never forgiven") {
  const auto judge = [](int error) {
    std::array<char, 64> words{};
    const int verdict = explain_certificate(nullptr, "k1", 1, &error, 0, "", 0, words.data(),
                                            words.size(), nullptr);
    return std::make_pair(verdict, std::string(words.data()));
  };
  CHECK(judge(0).first == 1);
  CHECK(judge(10) == std::make_pair(0, std::string("has expired")));
  CHECK(judge(66) == std::make_pair(0, std::string("is not valid: OpenSSL's verify error 66")));
  CHECK(certificate_trouble("SSLCERTVRFY",
                            "[thrd:x]: ssl://k1: Certificate (subject=/CN=k1, issuer=/CN=ca) "
                            "verification callback failed: has expired") ==
        "certificate (subject=/CN=k1, issuer=/CN=ca) has expired");
  CHECK_FALSE(certificate_trouble("FAIL", "Certificate (x) verification callback failed: y"));
  CHECK(explained("ssl://k1: certificate verify failed", "certificate (x) has expired") ==
        "certificate (x) has expired; ssl://k1: certificate verify failed");
  CHECK(explained("Connection refused", "certificate (x) has expired") == "Connection refused");
  const std::string no_tls = "SSL handshake failed: error:0A00010B:SSL routines::wrong version number";
  CHECK(explained(no_tls, "").find("no TLS is spoken at this port") == 0);
  CHECK(is_of_the_protocol(no_tls));
  CHECK_FALSE(is_of_the_protocol("SSL handshake failed: certificate verify failed"));
}

TEST_CASE("missing rights are an alarm per topic, until records get through") {
  KafkaNotices notices;
  std::vector<Notice> told;
  notices.delivery(report(0, Outcome::not_persisted, 29), "a", told);
  notices.delivery(report(0, Outcome::not_persisted, 29), "a", told);
  notices.delivery(report(1, Outcome::persisted, 0), "b", told);
  notices.delivery(report(0, Outcome::not_persisted, 29), "a", told);
  REQUIRE(told.size() == 1);
  CHECK(told[0].severity == Notice::Severity::error);
  CHECK(told[0].text.find("TOPIC_AUTHORIZATION_FAILED") != std::string::npos);
  notices.delivery(report(0, Outcome::persisted, 0), "a", told);
  REQUIRE(told.size() == 2);
  notices.delivery(report(0, Outcome::not_persisted, 29), "a", told);
  CHECK(told.size() == 3);
}

TEST_CASE("records that the client does not take are told once, when that stays so") {
  using namespace std::chrono_literals;
  KafkaNotices notices;
  std::vector<Notice> told;
  const KafkaNotices::Time begin{1h};
  const Lane lane{0, 4};
  const auto fail = [&](std::chrono::seconds after) {
    notices.not_taken(lane, -184, "a", begin + after, told);
    return told.size();
  };
  CHECK(fail(0s) == 0);
  CHECK(fail(2s) == 0);
  notices.taken({0, 3});  // others do not help it
  CHECK(fail(3s) == 1);
  CHECK(fail(1h) == 1);
  CHECK(told[0].severity == Notice::Severity::error);
  CHECK(told[0].text.find("topic 'a': the Kafka client takes no records for partition 4: "
                          "_QUEUE_FULL") == 0);
  notices.taken(lane);
  CHECK(fail(2h) == 1);
  // What the cluster says of the topic is told instead.
  notices.topic_answer({0, 3, true, 0}, "a", told);
  CHECK(fail(3h) == 2);
  CHECK(fail(3h + 3s) == 3);
}

TEST_CASE("a client that is lost again and again is told each minute, with the number") {
  using std::chrono::milliseconds;
  KafkaNotices notices;
  std::vector<Notice> told;
  const KafkaNotices::Time begin{};
  for (int second = 0; second < 61; ++second) {
    notices.lost(-148, "gap", milliseconds(100), begin + std::chrono::seconds(second), told);
  }
  REQUIRE(told.size() == 2);
  CHECK(told[0].text.find("_GAPLESS_GUARANTEE: gap") != std::string::npos);
  CHECK(told[1].text.find("59 times more") != std::string::npos);
}

}  // namespace
}  // namespace punchline
