#include "agent/core/partitions.h"

#include "tests/support/catch.h"

using namespace punchline;

namespace {

BufferConfig config() {
  BufferConfig config;
  config.topic = "logs";
  config.stripe_bytes = 1000;
  return config;
}

}  // namespace

TEST_CASE("what an earlier run sent keeps its spread, as long as any of it waits") {
  const auto settings = config();
  Partitions partitions(settings);
  const auto wanted = partitions.wanted(4);
  CHECK(wanted.partitions == 4);
  auto noted = wanted;
  noted.stripe_bytes = 500;
  CHECK(partitions.first(wanted, noted, 100, 200) == noted);
  CHECK(partitions.old_until() == 200);
  CHECK(partitions.first(wanted, noted, 200, 200) == wanted);
  partitions.set(noted, wanted);
  CHECK(partitions.is_old());
  CHECK(partitions.stripe_end(499) == 500);
  partitions.set(wanted, wanted);
  CHECK_FALSE(partitions.is_old());
  CHECK(partitions.stripe_end(499) == 1000);
}

TEST_CASE("a spread of fewer partitions goes on, one of more cannot") {
  const auto settings = config();
  Partitions partitions(settings);
  const auto two = partitions.wanted(2);
  const auto four = partitions.wanted(4);
  CHECK(partitions.first(four, two, 0, 100) == two);
  partitions.set(two, four);
  CHECK(partitions.is_old());
  CHECK(partitions.first(two, four, 0, 100) == two);
}

TEST_CASE("the spread of another topic, or none, is not gone by") {
  const auto settings = config();
  Partitions partitions(settings);
  const auto wanted = partitions.wanted(4);
  auto other = wanted;
  other.topic_checksum += 1;
  other.stripe_bytes = 1;
  CHECK(partitions.first(wanted, other, 0, 100) == wanted);
  CHECK(partitions.first(wanted, {}, 0, 100) == wanted);
}

TEST_CASE("in relaxed order only the number of partitions is gone by") {
  auto settings = config();
  settings.order = Order::relaxed;
  Partitions partitions(settings);
  const auto wanted = partitions.wanted(4);
  auto noted = partitions.wanted(2);
  noted.stripe_bytes = 7;
  noted.key_rule = "constant k";
  CHECK(partitions.first(wanted, noted, 0, 100) == partitions.wanted(2));
}

TEST_CASE("with one partition a stripe has no end") {
  const auto settings = config();
  Partitions partitions(settings);
  const auto wanted = partitions.wanted(1);
  partitions.set(wanted, wanted);
  CHECK(partitions.stripe_end(12'345) == kPositionMax);
}
