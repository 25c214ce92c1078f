#include "sinks/lane_window.h"

#include "tests/support/catch.h"

namespace punchline {
namespace {

using std::chrono::milliseconds;
using Time = LaneWindow::Time;

constexpr Room kPlenty{1'000'000, std::size_t{1} << 40U};

/// Records of 100 bytes through one window, with the clock in hand.
class Lane100 {
 public:
  explicit Lane100(LaneWindow::Request request = {}) : window_(request) {}

  std::size_t room(Room share = kPlenty) const { return whole_room(share).records; }
  Room whole_room(Room share = kPlenty) const { return window_.room(share, now_); }
  void offer(std::size_t records) { window_.offered(records, records * 100, now_); }
  void report(Outcome outcome, std::size_t records) {
    Delivery delivery;
    delivery.outcome = outcome;
    delivery.records = static_cast<std::uint32_t>(records);
    delivery.payload_bytes = records * 100;
    window_.reported(delivery, now_);
  }
  void pass(std::size_t records) {
    offer(records);
    report(Outcome::persisted, records);
  }
  void wait(std::chrono::nanoseconds time) { now_ += time; }
  void look_at_clock() { window_.look_at_clock(now_); }
  LaneWindow& window() { return window_; }

 private:
  LaneWindow window_;
  Time now_ = Time() + std::chrono::hours(1);
};

TEST_CASE("W1: one record goes alone until one has arrived") {
  Lane100 lane;
  CHECK(lane.room() == 1);
  lane.offer(1);
  CHECK(lane.room() == 0);
  lane.report(Outcome::unknown, 1);
  CHECK(lane.room() == 1);
  lane.pass(1);
  CHECK(lane.room() > 1000);
}

TEST_CASE("W1: a new instance begins again") {
  Lane100 lane;
  lane.pass(1);
  lane.offer(500);
  lane.window().reopen();
  CHECK(lane.window().records() == 0);
  CHECK(lane.window().payload_bytes() == 0);
  CHECK(lane.room() == 1);
}

TEST_CASE("W1: so does a lane that was quiet for long, but not one with records in flight") {
  Lane100 lane;
  lane.pass(1);
  lane.wait(LaneWindow::kIdleMax - milliseconds(1));
  lane.look_at_clock();
  CHECK(lane.room() > 1);
  lane.offer(1);
  lane.wait(LaneWindow::kIdleMax + milliseconds(1));
  lane.look_at_clock();
  CHECK(lane.room() > 1);
  lane.report(Outcome::persisted, 1);
  lane.wait(LaneWindow::kIdleMax + milliseconds(1));
  lane.look_at_clock();
  CHECK(lane.room() == 1);
}

TEST_CASE("W2: a request and a quarter at least, in records and in bytes") {
  Lane100 lane({1'000'000, 1000});
  lane.pass(1);
  CHECK(lane.whole_room().records == 1250);
  CHECK(lane.whole_room().payload_bytes == 1'250'000);
  lane.offer(1000);
  CHECK(lane.whole_room().records == 250);
  CHECK(lane.whole_room().payload_bytes == 1'150'000);
  lane.offer(250);
  CHECK(lane.room() == 0);

  Lane100 bytes({1000, 1'000'000});
  bytes.pass(1);
  bytes.offer(12);
  CHECK(bytes.whole_room().payload_bytes == 50);
  bytes.offer(1);
  CHECK(bytes.room() == 0);
}

TEST_CASE("W2: what passes in two milliseconds is added, from a quarter request to four") {
  // Delivers `per_ms` records of 100 bytes each millisecond for a while.
  const auto bytes_after = [](std::size_t per_ms) {
    Lane100 lane({100'000, 1'000'000});
    lane.pass(1);
    for (int i = 0; i < 100; ++i) {
      lane.wait(milliseconds(1));
      lane.pass(per_ms);
    }
    return lane.whole_room().payload_bytes;
  };
  CHECK(bytes_after(10) == 125'000);
  CHECK(bytes_after(100) == 125'000);   // 20,000 in 2 ms: below a quarter request
  CHECK(bytes_after(500) == 225'000);   // 100,000 in 2 ms
  CHECK(bytes_after(5000) == 525'000);  // four requests at most
}

TEST_CASE("W2: nothing waits in the client behind a small flight") {
  Lane100 lane({1'000'000, 1000});
  lane.pass(1);
  lane.offer(4);
  lane.wait(milliseconds(3));
  CHECK(lane.room() > 0);  // librdkafka sends it at once
  lane.report(Outcome::persisted, 4);
  lane.offer(4);
  lane.offer(1);
  CHECK(lane.room() > 0);  // goes with it
  lane.wait(milliseconds(3));
  CHECK(lane.room() == 0);
  lane.report(Outcome::persisted, 1);
  CHECK(lane.room() > 0);
  lane.offer(500);
  CHECK(lane.room() > 0);
  lane.report(Outcome::persisted, 404);
  CHECK(lane.room() > 0);  // soon filled again
  lane.wait(milliseconds(21));
  lane.report(Outcome::persisted, 50);
  CHECK(lane.room() == 0);
  lane.report(Outcome::persisted, 50);
  CHECK(lane.room() > 0);
}

TEST_CASE("W2: the share of the whole budget caps it, one record is always allowed") {
  Lane100 lane;
  lane.pass(1);
  CHECK(lane.room({50, 1 << 20U}) == 50);
  CHECK(lane.room({0, 0}) == 1);
  lane.offer(1);
  CHECK(lane.room({0, 0}) == 0);
}

TEST_CASE("W3: the suspect is alone after as many refusals as halvings, then flights grow") {
  Lane100 lane;
  lane.pass(1);
  lane.offer(100);
  lane.report(Outcome::refused, 40);
  lane.report(Outcome::refused, 60);
  CHECK(lane.window().careful());
  for (const std::size_t flight : {50, 25}) {  // the suspect is the 12th of the hundred
    REQUIRE(lane.room() == flight);
    lane.offer(flight);
    REQUIRE(lane.room() == 0);
    lane.report(Outcome::refused, flight);
  }
  REQUIRE(lane.room() == 12);
  lane.offer(12);
  lane.report(Outcome::refused, 12);
  for (const std::size_t flight : {6, 3, 1, 1}) {
    REQUIRE(lane.room() == flight);
    lane.pass(flight);
  }
  REQUIRE(lane.room() == 1);
  lane.offer(1);
  lane.report(Outcome::refused, 1);
  std::size_t passed = 0;
  for (const std::size_t flight : {1, 2, 4, 8, 16, 32, 64}) {  // what is behind it
    REQUIRE(lane.room() == flight);
    lane.pass(flight);
    passed += flight;
  }
  CHECK(passed >= 100);
  CHECK_FALSE(lane.window().careful());
  CHECK(lane.room() > 1000);
}

TEST_CASE("W3: in doubt about a whole lane one record goes first") {
  Lane100 lane;
  lane.pass(1);
  lane.offer(100);
  lane.report(Outcome::not_persisted, 100);
  lane.window().doubt();
  CHECK(lane.window().careful());
  REQUIRE(lane.room() == 1);
  lane.offer(1);
  lane.report(Outcome::not_persisted, 1);
  lane.window().doubt();
  REQUIRE(lane.room() == 1);
  lane.pass(1);
  CHECK_FALSE(lane.window().careful());
}

TEST_CASE("W3: all of a flight settles before the next") {
  Lane100 lane;
  lane.pass(1);
  lane.offer(10);
  lane.report(Outcome::refused, 10);
  lane.offer(5);
  lane.report(Outcome::persisted, 1);
  CHECK(lane.room() == 0);
  lane.report(Outcome::persisted, 4);
  CHECK(lane.room() == 2);
}

TEST_CASE("W3: a flight that fails is no progress") {
  Lane100 lane;
  lane.pass(1);
  lane.offer(100);
  lane.report(Outcome::refused, 100);
  lane.offer(50);
  lane.report(Outcome::unknown, 50);
  CHECK(lane.room() == 50);
  lane.pass(50);
  CHECK(lane.room() == 25);
}

TEST_CASE("W3: caution outlives the instance") {
  Lane100 lane;
  lane.pass(1);
  lane.offer(8);
  lane.report(Outcome::refused, 8);
  lane.window().reopen();
  CHECK(lane.window().careful());
  CHECK(lane.room() == 1);
  lane.pass(1);
  CHECK(lane.room() == 3);
}

}  // namespace
}  // namespace punchline
