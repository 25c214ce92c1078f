// What a buffer remembers of the cluster it was sent to.

#include "buffer/cluster_note.h"

#include <cerrno>
#include <string>

#include "buffer/state.h"
#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

using namespace punchline;
using punchline::testing::World;

namespace {

constexpr const char* kTold = "another cluster answers than in the run before";

void run(World& world, const std::string& cluster) {
  world.sink.cluster_id = cluster;
  world.open();
  world.turn(3);
  world.crash();
}

}  // namespace

TEST_CASE("a run that meets another cluster than the one before says so, once") {
  World world(1, 1);
  append_many(world, 0, 10);
  run(world, "first-cluster");
  CHECK(noted_cluster(world.file) == "first-cluster");
  run(world, "first-cluster");
  CHECK_FALSE(world.log.has(kTold));
  run(world, "");  // nobody answers, or it names no id
  CHECK(noted_cluster(world.file) == "first-cluster");
  run(world, "second-cluster");
  CHECK(world.log.has(kTold));
  CHECK(world.log.has("its cluster id is second-cluster, before it was first-cluster"));
  CHECK(noted_cluster(world.file) == "second-cluster");
  world.log.lines.clear();
  run(world, "second-cluster");
  CHECK_FALSE(world.log.has(kTold));
}

TEST_CASE("a change within a run is noted; the sink has told it") {
  World world(1, 1);
  append_many(world, 0, 10);
  world.sink.cluster_id = "first-cluster";
  world.open();
  world.turn(3);
  world.sink.cluster_id = "second-cluster";
  world.turn(3);
  CHECK(noted_cluster(world.file) == "second-cluster");
  CHECK_FALSE(world.log.has(kTold));
}

TEST_CASE("an id of any length is noted, as far as there is room for it") {
  World world(1, 1);
  const std::string longest(kClusterIdMax, 'x');
  REQUIRE(note_cluster(world.file, longest + "y").ok());
  CHECK(noted_cluster(world.file) == longest);
}
