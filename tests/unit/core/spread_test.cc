// Settings that decide the partition of a record, and are others at the next start.

#include <string>

#include "agent/core/key_rule.h"
#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::World;

namespace {

/// The n-th byte of a record.
class ByteKey final : public KeySource {
 public:
  explicit ByteKey(std::size_t at) : at_(at) {}
  std::optional<std::string_view> key_of(std::string_view payload, std::string&) const override {
    return payload.substr(at_, 1);
  }

 private:
  std::size_t at_;
};

const ByteKey kUnits(9);  // "record 12345..."
const ByteKey kTens(8);

void append_numbers(World& world, int from, int count) {
  for (int i = from; i < from + count; ++i)
    world.append("record " + std::to_string(100 + i) + std::string(50, '.'));
}

/// Partition 0 lags, all others have everything.
void let_one_lag(World& world, int from) {
  append_numbers(world, from, 200);
  world.sink.mute = {0};
  world.open();
  for (int i = 0; i < 100; ++i) {
    world.turn();
    world.advance(std::chrono::milliseconds(200));
  }
  REQUIRE(world.metrics().records_confirmed.get() > 0);
  REQUIRE(world.metrics().records_confirmed.get() < world.metrics().records_read.get());
  world.crash();
}

void deliver_the_rest(World& world) {
  world.sink.mute = {};
  world.open();
  append_numbers(world, 800, 50);
  world.drain();
  world.check_all_arrived();  // in order
  world.check_honest();
}

std::uint64_t stored_stripe(World& world) {
  const auto bytes = world.file.attribute(kPartitionsAttribute);
  Spread spread;
  REQUIRE((bytes.ok() && bytes->has_value()));
  REQUIRE(decode_spread(**bytes, spread) == Decoded::ok);
  return spread.stripe_bytes;
}

}  // namespace

TEST_CASE("another stripe at a start: what waits keeps its partitions, then the new one holds") {
  World world(2, 51);
  let_one_lag(world, 0);
  world.config.stripe_bytes = 1024;
  deliver_the_rest(world);
  CHECK(world.log.has("what waits was first sent"));
  CHECK(world.log.has("the settings of now hold"));
  CHECK(stored_stripe(world) == 1024);
}

TEST_CASE("several changes while the backlog never drains, and a change back") {
  World world(2, 52);
  let_one_lag(world, 0);
  int from = 200;
  for (const std::uint64_t stripe : {1024, 4096, 512}) {
    world.config.stripe_bytes = stripe;
    let_one_lag(world, from);
    from += 200;
    CHECK(stored_stripe(world) == 256);
  }
  SECTION("another") { world.config.stripe_bytes = 2048; }
  SECTION("back") { world.config.stripe_bytes = 256; }
  deliver_the_rest(world);
  CHECK(stored_stripe(world) == world.config.stripe_bytes);
}

TEST_CASE("another stripe, and the topic has more partitions as well") {
  World world(2, 53);
  let_one_lag(world, 0);
  world.config.stripe_bytes = 1024;
  world.sink.set_partitions(3);
  deliver_the_rest(world);
  CHECK(world.metrics().partitions.get() == 3);
  CHECK(stored_stripe(world) == 1024);
}

TEST_CASE("partitions are added while one has records on their way and answers nothing") {
  World world(2, 54);
  world.open();
  append_numbers(world, 0, 20);
  world.drain();
  world.sink.mute = {0};
  append_numbers(world, 20, 20);
  for (int i = 0; i < 5; ++i) {
    world.advance(std::chrono::milliseconds(200));
    world.turn();
  }
  REQUIRE(world.pipe().in_flight() > 0);
  world.sink.set_partitions(3);
  const auto go_on = [&](int from) {
    append_numbers(world, from, 40);
    const auto before = world.metrics().records_confirmed.get();
    for (int i = 0; i < 100; ++i) {
      world.advance(std::chrono::milliseconds(100));
      world.turn();
    }
    return world.metrics().records_confirmed.get() > before;
  };
  CHECK(go_on(40));
  CHECK(go_on(80));
  CHECK(world.metrics().partitions.get() == 2);
  world.sink.mute = {};
  append_numbers(world, 120, 40);
  world.drain();
  CHECK(world.metrics().partitions.get() == 3);
  world.check_all_arrived();  // in order
  world.check_honest();
}

TEST_CASE("another key at a start, or none, or the first: what waits keeps its partitions") {
  World world(2, 54);
  world.keys = GENERATE(static_cast<const KeySource*>(&kUnits), nullptr);
  world.config.key_json = world.keys != nullptr ? "/units" : "";
  let_one_lag(world, 0);
  world.old_keys = world.keys;
  world.keys = world.keys != nullptr && GENERATE(true, false) ? nullptr : &kTens;
  world.config.key_json = world.keys != nullptr ? "/tens" : "";
  deliver_the_rest(world);
  CHECK(world.log.has("the settings of now hold"));
}

TEST_CASE("nothing waits, the topic is another, or the order relaxed: the settings of now hold") {
  World world(2, 55);
  SECTION("nothing waits") {
    append_numbers(world, 0, 100);
    world.open();
    world.drain();
    world.stop();
    world.crash();
  }
  SECTION("another topic") {
    let_one_lag(world, 0);
    world.config.topic = "other";
  }
  SECTION("relaxed") {
    let_one_lag(world, 0);
    world.config.order = Order::relaxed;
  }
  world.config.stripe_bytes = 1024;
  world.sink.mute = {0};
  world.open();
  world.turn(3);
  CHECK(stored_stripe(world) == 1024);
  CHECK_FALSE(world.log.has("what waits was first sent"));
}

TEST_CASE("a last line without its newline does not keep the old settings for ever") {
  World world(2, 56);
  let_one_lag(world, 0);
  world.append_raw("unfinished");
  world.config.stripe_bytes = 1024;
  world.sink.mute = {};
  world.open();
  world.drain();
  CHECK(stored_stripe(world) == 1024);
}

TEST_CASE("the spread that an earlier program has noted: count and topic alone") {
  World world(2, 57);
  let_one_lag(world, 0);
  const auto bytes = *world.file.attribute(kPartitionsAttribute);
  Spread spread;
  REQUIRE(decode_spread(*bytes, spread) == Decoded::ok);
  spread.stripe_bytes = 0;
  REQUIRE(world.file.set_attribute(kPartitionsAttribute, encode_spread(spread)).ok());
  world.sink.set_partitions(3);
  deliver_the_rest(world);
  CHECK(stored_stripe(world) == 256);
}

TEST_CASE("a key rule is kept as text, and found again") {
  BufferConfig config;
  SECTION("none") {}
  SECTION("constant") { config.key_constant = "a b"; }
  SECTION("json") { config.key_json = "/a/b~1c"; }
  SECTION("column") {
    config.key_column = 12;
    config.key_separator = " ";
  }
  BufferConfig found;
  found.key_json = "/x";
  found.key_column = 3;
  REQUIRE(set_key_rule(found, key_rule_of(config)));
  CHECK(found.key_constant == config.key_constant);
  CHECK(found.key_json == config.key_json);
  CHECK(found.key_column == config.key_column);
  if (config.key_column > 0) CHECK(found.key_separator == config.key_separator);
  config.key_constant = std::string(1000, 'k');
  CHECK(key_rule_of(config).size() < kKeyRuleBytesMax);
  for (const auto* bad : {"json a", "json /~", "column 0 x", "column 1", "column x y", "other"})
    CHECK_FALSE(set_key_rule(found, bad));
  CHECK_FALSE(set_key_rule(found, key_rule_of(config)));
}
