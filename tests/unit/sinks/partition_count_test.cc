// How many partitions a topic has, when brokers do not agree.
#include "sinks/partition_count.h"

#include "tests/support/catch.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr PartitionCount::Time kBegin{1h};

TEST_CASE("partitions that are added count at once") {
  PartitionCount partitions;
  CHECK(partitions.count() == 0);
  CHECK_FALSE(partitions.learn(2, kBegin));
  CHECK_FALSE(partitions.learn(3, kBegin));
  CHECK(partitions.count() == 3);
  CHECK(partitions.open() == 3);
  CHECK_FALSE(partitions.due());
}

TEST_CASE("a broker that lags behind takes no partition away, but its client may not know it") {
  PartitionCount partitions;
  partitions.learn(3, kBegin);
  CHECK(partitions.learn(2, kBegin));
  CHECK(partitions.count() == 3);
  CHECK(partitions.open() == 2);
  CHECK_FALSE(partitions.learn(2, kBegin + 5s));  // told once
  partitions.learn(3, kBegin + 9s);
  CHECK(partitions.open() == 3);
  CHECK_FALSE(partitions.due());
  CHECK(partitions.learn(2, kBegin + 12s));  // ten seconds begin again
  CHECK_FALSE(partitions.learn(2, kBegin + 21s));
  CHECK(partitions.count() == 3);
}

TEST_CASE("fewer count once they were told for ten seconds; a broker is asked each second") {
  PartitionCount partitions;
  partitions.learn(3, kBegin);
  partitions.learn(1, kBegin);
  CHECK(partitions.due() == kBegin + 1s);
  CHECK_FALSE(partitions.take_due(kBegin + 999ms));
  CHECK(partitions.take_due(kBegin + 1s));
  CHECK_FALSE(partitions.take_due(kBegin + 1s));
  CHECK(partitions.due() == kBegin + 2s);
  partitions.learn(1, kBegin + 10s - 1ms);
  CHECK(partitions.count() == 3);
  partitions.learn(1, kBegin + 10s);
  CHECK(partitions.count() == 1);
  CHECK_FALSE(partitions.due());
}

}  // namespace
}  // namespace punchline
