#include "sinks/kafka_sink.h"

#include "tests/support/catch.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

TEST_CASE("records arrive in order and byte for byte, and their chunks come back") {
  auto broker = start_broker();
  REQUIRE(broker->create_topic("t", 2).ok());
  auto sink = open_sink(settings_for(broker->bootstrap()));
  MiniForwarder forwarder(*sink, "t", 100);
  forwarder.append(5000, 0);
  forwarder.append(5000, 1);
  forwarder.append(5000, 0);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));

  CHECK(sink->partition_count(forwarder.route()) == 2);
  CHECK(sink->outstanding() == 0);
  CHECK(sink->epoch() == 0);
  CHECK(forwarder.chunks_held_by_sink() == 0);
  CHECK(forwarder.taken() == 15000);
  CHECK(forwarder.notices().empty());
  CHECK(read_back(broker->bootstrap(), "t", 10000, 0) == forwarder.expected(0));
  CHECK(read_back(broker->bootstrap(), "t", 5000, 1) == forwarder.expected(1));
}

}  // namespace
}  // namespace punchline
