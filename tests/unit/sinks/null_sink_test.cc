#include "sinks/null_sink.h"

#include <chrono>

#include <poll.h>

#include "sinks/chunk_holds.h"
#include "sinks/wake_fd.h"
#include "tests/support/catch.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {
namespace {

bool readable(int fd, int timeout_ms) {
  pollfd waits{fd, POLLIN, 0};
  return ::poll(&waits, 1, timeout_ms) == 1;
}

TEST_CASE("the null sink confirms everything at the next poll, runs in one piece") {
  NullSink sink(3);
  MiniForwarder forwarder(sink, "t");
  std::size_t deliveries = 0;
  forwarder.on_delivery([&](const Delivery& d) {
    ++deliveries;
    CHECK(d.outcome == Outcome::persisted);
  });
  forwarder.append(1000, 0);
  forwarder.append(1000, 2);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(sink.partition_count(forwarder.route()) == 3);
  CHECK(deliveries == 2);
  CHECK(sink.outstanding() == 0);
  CHECK(forwarder.chunks_held_by_sink() == 0);
}

TEST_CASE("the null sink's window and its end") {
  NullSink sink(1, 10);
  MiniForwarder forwarder(sink, "t");
  forwarder.append(100);
  REQUIRE(forwarder.run_until([&] { return forwarder.all_done(); }));
  CHECK(forwarder.in_flight_most() == 10);
  CHECK(sink.open_route("t") == forwarder.route());
  CHECK(sink.open_route("u") != forwarder.route());
  sink.stop();
  CHECK(sink.room({forwarder.route(), 0}).records == 0);
}

TEST_CASE("holds are counted per chunk and given back at once") {
  ChunkPool pool(std::size_t{1} << 24U);
  Chunk* a = pool.lend();
  Chunk* b = pool.lend();
  ChunkHolds holds;
  holds.add(*a, 5);
  holds.add(*b, 2);
  holds.add(*a, 1);
  CHECK(holds.records() == 8);
  CHECK(a->holds() == 7);
  holds.give_back(*a, 4);
  CHECK(a->holds() == 3);
  a->release(1);
  b->release(1);
  CHECK(pool.lent_bytes() == 2 * ChunkPool::kChunkBytes);
  holds.give_back_all();
  CHECK(holds.records() == 0);
  CHECK(pool.lent_bytes() == 0);
}

TEST_CASE("a wake and a time make the descriptor readable, clear takes them back") {
  WakeFd wake;
  CHECK_FALSE(readable(wake.fd(), 0));
  wake.wake();
  wake.wake();
  CHECK(readable(wake.fd(), 0));
  wake.clear();
  CHECK_FALSE(readable(wake.fd(), 0));

  wake.wake_at(WakeFd::Clock::now() + std::chrono::milliseconds(20));
  CHECK(readable(wake.fd(), 5000));
  wake.clear();
  CHECK_FALSE(readable(wake.fd(), 0));

  wake.wake_at(WakeFd::Clock::now() - std::chrono::seconds(1));  // already over
  CHECK(readable(wake.fd(), 5000));
  wake.clear();
  wake.wake_at(WakeFd::Clock::now() + std::chrono::hours(1));
  wake.wake_at(std::nullopt);
  CHECK_FALSE(readable(wake.fd(), 0));
}

}  // namespace
}  // namespace punchline
