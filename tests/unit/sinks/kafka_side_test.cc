// Lanes with a refused record, and the client of their own.

#include <string>
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

TEST_CASE("a lane with a refused record goes on aside, the others do not feel it", "[order]") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 2).ok());
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  forwarder.append(300, 0);
  forwarder.append(300, 1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));

  std::vector<bool> alone;
  forwarder.on_delivery([&](const Delivery& delivery) {
    if (delivery.outcome == Outcome::refused) alone.push_back(delivery.alone);
  });
  broker->fail_produce({10, 10, 10});  // by the main client, and then aside, twice
  forwarder.append(1, 0);
  REQUIRE(forwarder.run_until([&] { return alone.size() == 3; }));
  forwarder.append(500, 1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(alone == std::vector<bool>{false, true, true});
  CHECK(sink->losses() == 3);
  CHECK(forwarder.losses(1) == 0);
  CHECK(read_back(broker->bootstrap(), "t", 301, 0) == forwarder.expected(0));
  CHECK(read_back(broker->bootstrap(), "t", 800, 1) == forwarder.expected(1));
  CHECK(forwarder.chunks_held_by_sink() == 0);
}

TEST_CASE("a lane that is level again goes back to the main client", "[order]") {
  Delivering at;
  for (std::uint64_t round = 1; round <= 3; ++round) {
    at.broker->fail_produce({10});
    at.forwarder.append(100);
    REQUIRE(at.forwarder.run_until([&] { return at.forwarder.all_done(); }));
    CHECK(at.sink->losses() == round);  // each time the main one, so the lane was back
  }
  CHECK(read_back(at.broker->bootstrap(), "t", 400) == at.forwarder.expected());
}

TEST_CASE("a topic without rights is tried by one record at a time, aside", "[order]") {
  Delivering at;
  std::vector<std::uint32_t> tried;
  at.forwarder.on_delivery([&](const Delivery& delivery) {
    if (delivery.code == 29) tried.push_back(delivery.records);
    CHECK_FALSE(delivery.alone);
  });
  at.broker->fail_produce({29, 29, 29, 29});  // the first hundred may come in two requests
  at.forwarder.append(100);
  REQUIRE(at.forwarder.run_until([&] { return at.forwarder.all_done(); }));
  CHECK(tried.size() >= 3);
  CHECK(tried.back() == 1);
  CHECK(read_back(at.broker->bootstrap(), "t", 200) == at.forwarder.expected());
}

}  // namespace
}  // namespace punchline
