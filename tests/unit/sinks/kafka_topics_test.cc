// What a sink tells of its topics.
#include <vector>

#include "tests/support/catch.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

TEST_CASE("of each topic is known whether it is there, has its leaders, and goes on") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 2).ok());
  broker->set_leader("t", 1, -1);
  broker->set_topic_error("u", 3);
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t");
  const RouteId missing = sink->open_route("u");
  REQUIRE(forwarder.run_until(
      [&] { return forwarder.partitions_known() && sink->is_missing(missing); }));
  const TopicState u{"u", true, 0, 0, 0};
  CHECK(sink->topics() == std::vector{TopicState{"t", false, 2, 1, 0}, u});
  forwarder.append(10, 0);
  forwarder.append(10, 1);
  REQUIRE(forwarder.run_until([&] { return sink->topics().front().without_progress == 1; }));
  broker->set_leader("t", 1, 1);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  REQUIRE(forwarder.run_until([&] { return sink->topics().front().without_leader == 0; }));
  CHECK(sink->topics() == std::vector{TopicState{"t", false, 2, 0, 0}, u});
}

}  // namespace
}  // namespace punchline
