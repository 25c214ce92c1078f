#include "tests/support/kafka_cluster.h"

#include "tests/support/catch.h"
#include "tests/support/kcat.h"
#include "tests/support/log_corpus.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;

// kcat writes and kcat reads: what is proved here is the broker and the means, not our program.
TEST_CASE("a broker keeps what it was given, over kill -9, stop and freeze") {
  const TempDir folder("cluster-test");
  const auto corpus = LogCorpus::committed();
  const auto input = folder.file("lines");
  write_lines(corpus, 0, 10000, input);

  KafkaCluster kafka;
  kafka.create_topic("t", 1, {{"retention.ms", "-1"}});
  send_lines(kafka.bootstrap(), "t", input);
  CHECK(kafka.record_count("t") == 10000);

  kafka.kill9(0);
  CHECK(broker_count(kafka.bootstrap(), milliseconds(300)) == 0);
  kafka.restart(0);
  kafka.stop(0);
  kafka.restart(0);
  kafka.freeze(0);
  CHECK(broker_count(kafka.bootstrap(), milliseconds(300)) == 0);
  kafka.thaw(0);

  kafka.alter_topic("t", {{"max.message.bytes", "100"}});
  CHECK_THROWS(send_lines(kafka.bootstrap(), "t", input));
  kafka.alter_topic("t", {{"max.message.bytes", "1000000"}});

  const auto files = read_topic(kafka.bootstrap(), "t", 1, folder.path());
  CHECK(read_file(files[0]).starts_with(read_file(input)));
}

TEST_CASE("of three brokers one may be away; two away stop the writing and lose nothing") {
  const TempDir folder("cluster-of-three");
  const auto corpus = LogCorpus::committed();
  const auto input = folder.file("lines");
  write_lines(corpus, 0, 1000, input);

  KafkaCluster kafka({.brokers = 3});
  kafka.create_topic("t", 1);
  send_lines(kafka.bootstrap(), "t", input);
  kafka.kill9(0);
  send_lines(kafka.bootstrap(), "t", input);  // whoever led, two in-sync replicas are left
  kafka.kill9(1);
  CHECK_THROWS(send_lines(kafka.bootstrap(), "t", input, milliseconds(5000)));
  kafka.start();
  send_lines(kafka.bootstrap(), "t", input);

  const auto lines = read_file(input);
  const auto files = read_topic(kafka.bootstrap(), "t", 1, folder.path());
  CHECK(read_file(files[0]).starts_with(lines + lines));
  CHECK(kafka.record_count("t") >= 3000);
}

TEST_CASE("a proxy holds back what passes it, and lets it through later") {
  KafkaCluster kafka({.doors = true});
  Proxy proxy(kafka.doors());
  const auto by_doors = kafka.bootstrap_by_doors();
  CHECK(broker_count(by_doors, milliseconds(10'000)) == 1);
  proxy.hold();
  CHECK(broker_count(by_doors, milliseconds(1'000)) == 0);
  CHECK(broker_count(kafka.bootstrap(), milliseconds(10'000)) == 1);
  proxy.release();
  CHECK(broker_count(by_doors, milliseconds(10'000)) == 1);
}

}  // namespace
}  // namespace punchline::testing
