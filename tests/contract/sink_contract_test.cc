// What every Sink promises (sinks/sink.h). Held to it are the sink that is only memory, on which
// the simulation rests, and Kafka's, with the broker that librdkafka can play.

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/scripted_sink.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct InMemory {
  testing::ScriptedSink sink{2, 1};

  void answer_late() { sink.moods.report_percent = 10; }
  void be_troublesome() {
    sink.moods.fail_percent = 20;
    sink.moods.epoch_percent = 5;
  }
  std::vector<std::string> log(std::int32_t partition, std::size_t) const {
    std::vector<std::string> payloads;
    for (const auto& arrived : sink.log(partition))
      payloads.push_back(arrived.payload);
    return payloads;
  }
};

struct Kafka {
  static std::unique_ptr<testing::FaultyBroker> with_topic() {
    auto broker = start_broker();
    REQUIRE(broker->create_topic("t", 2).ok());
    return broker;
  }
  std::unique_ptr<testing::FaultyBroker> broker = with_topic();
  std::unique_ptr<KafkaSink> opened = open_sink(settings_for(broker->bootstrap()));
  KafkaSink& sink = *opened;

  void answer_late() { broker->set_delay(milliseconds(100)); }
  // INVALID_MSG, of which librdkafka gives up the client; REQUEST_TIMED_OUT, which it tries again.
  void be_troublesome() { broker->fail_produce({0, 2, 0, 7, 0, 2}); }
  std::vector<std::string> log(std::int32_t partition, std::size_t count) const {
    return read_back(broker->bootstrap(), "t", count, partition);
  }
};

std::vector<std::string> first_arrivals(const std::vector<std::string>& log) {
  std::vector<std::string> first;
  std::set<std::string> seen;
  for (const auto& payload : log)
    if (seen.insert(payload).second) first.push_back(payload);
  return first;
}

/// Offers records of one lane by itself, and keeps what is reported of them.
struct OneLane {
  OneLane(Sink& of, MiniForwarder& records_of) : sink(of), forwarder(records_of) {
    REQUIRE(forwarder.run_until([&] { return sink.room(lane()).records > 0; }));
  }
  Lane lane() const { return {forwarder.route(), 0}; }
  std::size_t offer(std::size_t to) {
    const auto count = sink.offer(lane(), forwarder.records(taken, to));
    taken += count;
    return count;
  }
  std::size_t reported() const {
    std::size_t count = 0;
    for (const auto& delivery : deliveries)
      count += delivery.records;
    return count;
  }
  /// False if not all was reported in time.
  bool hears_all() {
    std::vector<Notice> notices;
    const auto deadline = std::chrono::steady_clock::now() + seconds(20);
    while (sink.outstanding() > 0 && std::chrono::steady_clock::now() < deadline)
      sink.poll(deliveries, notices);
    return sink.outstanding() == 0;
  }

  Sink& sink;
  MiniForwarder& forwarder;
  std::size_t taken = 0;
  std::vector<Delivery> deliveries;
};

}  // namespace

TEMPLATE_TEST_CASE("sink: the same name is the same route, and its partitions are known in time", "",
                   InMemory, Kafka) {
  TestType subject;
  const auto route = subject.sink.open_route("t");
  CHECK(subject.sink.open_route("t") == route);
  MiniForwarder forwarder(subject.sink, "t");
  CHECK(forwarder.run_until([&] { return subject.sink.partition_count(route) == 2; }));
}

TEMPLATE_TEST_CASE("sink: each record is reported once, in order, with its place, and arrives", "",
                   InMemory, Kafka) {
  TestType subject;
  MiniForwarder forwarder(subject.sink, "t");  // fails if a report is not of what is in flight
  forwarder.append(500, 0);
  forwarder.append(300, 1);
  forwarder.append(200, 0);
  std::map<std::int32_t, std::int64_t> places;
  std::map<std::int32_t, Position> reached;
  forwarder.on_delivery([&](const Delivery& delivery) {
    CHECK(delivery.outcome == Outcome::persisted);
    const auto partition = delivery.lane.partition;
    CHECK(delivery.offset == places[partition]);
    places[partition] += delivery.records;
    CHECK(delivery.range.begin >= reached[partition]);
    reached[partition] = delivery.range.end;
  });
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(subject.sink.outstanding() == 0);
  CHECK(forwarder.run_until([&] { return forwarder.chunks_held_by_sink() == 0; }));
  CHECK(subject.log(0, 700) == forwarder.expected(0));
  CHECK(subject.log(1, 300) == forwarder.expected(1));
}

TEMPLATE_TEST_CASE("sink: a lane takes what it has room for, and nothing beyond", "", InMemory,
                   Kafka) {
  TestType subject;
  MiniForwarder forwarder(subject.sink, "t");
  OneLane one(subject.sink, forwarder);
  subject.answer_late();
  forwarder.append(5000);
  for (int offers = 0; offers < 5000; ++offers) {
    const auto room = subject.sink.room(one.lane());
    const auto taken = one.offer(5000);
    CHECK(taken <= room.records);
    CHECK((taken > 0) == (room.records > 0));
    CHECK(subject.sink.outstanding() == one.taken);
    if (taken == 0) break;
  }
  CHECK(one.taken > 0);
  CHECK(one.taken < 5000);
  CHECK(forwarder.chunks_held_by_sink() > 0);
  REQUIRE(one.hears_all());
  CHECK(one.reported() == one.taken);
  CHECK(subject.sink.room(one.lane()).records > 0);
}

TEMPLATE_TEST_CASE("sink: in any trouble each record arrives, the first time in order", "", InMemory,
                   Kafka) {
  TestType subject;
  MiniForwarder forwarder(subject.sink, "t");
  forwarder.append(100, 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  subject.be_troublesome();
  forwarder.append(900, 0);
  forwarder.append(500, 1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }, seconds(60)));
  CHECK(subject.sink.outstanding() == 0);
  CHECK(subject.sink.losses() > 0);
  if (forwarder.mock_may_reorder()) return;
  CHECK(first_arrivals(subject.log(0, 1000)) == forwarder.expected(0));
  CHECK(first_arrivals(subject.log(1, 500)) == forwarder.expected(1));
}

TEMPLATE_TEST_CASE("sink: stopped it takes nothing, and reports all that it had taken", "", InMemory,
                   Kafka) {
  TestType subject;
  MiniForwarder forwarder(subject.sink, "t");
  OneLane one(subject.sink, forwarder);
  subject.answer_late();
  forwarder.append(100);
  REQUIRE(one.offer(50) > 0);
  subject.sink.stop();
  CHECK(subject.sink.room(one.lane()).records == 0);
  CHECK(one.offer(100) == 0);
  REQUIRE(one.hears_all());
  CHECK(one.reported() == one.taken);
  for (const auto& delivery : one.deliveries) {
    const bool is_known = delivery.outcome == Outcome::persisted ||
                          delivery.outcome == Outcome::not_persisted;
    CHECK(is_known);
  }
  CHECK(subject.sink.room(one.lane()).records == 0);  // nor when there would be room again
  CHECK(one.offer(100) == 0);
}

}  // namespace punchline
