#include <filesystem>
#include <fstream>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/faulty_broker.h"
#include "tests/support/kcat.h"
#include "tests/support/occurrences.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app | std::ios::binary) << text;
}

// Stopped in the same moment, so that no look of once a second has seen the deletion.
TEST_CASE("what a deleted buffer still holds is saved at the stop, torn lines as torn", "[E4]") {
  const TempDir folder("replaced-orphan");
  const auto buffer = folder.file("buffer");
  append(buffer, std::string("good\nto\0rn\nunfinished", 21));
  Agent agent({.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t", .more = {"--fence"}});
  REQUIRE(agent.logs("fence set"));
  fs::remove(buffer);
  CHECK(agent.stop().code == 0);
  const auto saved = orphans_in(folder.path());
  REQUIRE(saved.size() == 1);
  const auto text = read_file(saved[0]);
  CHECK(text.substr(0, 11) == std::string("good\nto\0rn\n", 11));

  auto broker = FaultyBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 1).ok());
  const auto once =
      run_once({.buffer = saved[0].string(), .brokers = (*broker)->bootstrap(), .topic = "t"});
  INFO(once.err);
  CHECK(once.exit.code == 65);
  CHECK(once.err.find("1 record confirmed") != std::string::npos);
}

TEST_CASE("the next start, and a stop, say where data of other names is") {
  const TempDir folder("replaced-told");
  const auto buffer = folder.file("buffer");
  const RunSetup setup{.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t"};
  append(buffer, "of the deleted one\n");
  Agent first(setup);
  REQUIRE(first.logs("fresh"));
  fs::remove(buffer);
  CHECK(first.stop().code == 0);
  REQUIRE(orphans_in(folder.path()).size() == 1);
  const auto orphan = orphans_in(folder.path())[0].string();

  Agent second(setup);
  CHECK(second.logs("held is in " + orphan + ": forward it with 'punchline run --once -b "));
  append(buffer, "of the renamed one\n");
  fs::rename(buffer, buffer + ".1");
  CHECK(second.stop().code == 0);
  CHECK_THAT(second.log(), Contains(buffer + ".1 holds data of it that is not delivered: the next " +
                                    "start forwards it"));
  fs::rename(orphan, orphan + ".gz");  // as compressed: nobody looks into it
  Agent third(setup);
  CHECK(third.logs("unpack it (zcat " + orphan + ".gz) and forward that, -b"));
  CHECK(third.stop().code == 0);
}

TEST_CASE("what a deleted buffer holds and cannot be saved is no good end") {
  const TempDir folder("replaced-lost");
  fs::create_directory(folder.file("inner"));
  const auto buffer = folder.file("inner/buffer");
  append(buffer, "record\n");
  Agent agent({.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t"});
  REQUIRE(agent.logs("fresh"));
  fs::remove_all(folder.file("inner"));
  CHECK(agent.stop().code == 74);
  CHECK_THAT(agent.log(), Contains("what it holds cannot be saved"));
}

TEST_CASE("a new file under the name is forwarded, and so is the one that was renamed", "[E4]") {
  const TempDir folder("replaced-rename");
  auto broker = FaultyBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 1).ok());
  const auto buffer = folder.file("buffer");
  append(buffer, "one\n");
  Agent agent({.buffer = buffer, .brokers = (*broker)->bootstrap(), .topic = "t"});
  REQUIRE(agent.drains());
  fs::rename(buffer, buffer + ".1");
  append(buffer + ".1", "late in the old one\n");
  append(buffer, "first of the new one\n");
  REQUIRE(agent.logs("deleted or renamed"));
  append(buffer + ".1", "later still\n");
  CHECK(eventually(std::chrono::seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 4; }));
  CHECK(agent.stop().code == 0);
  CHECK(orphans_in(folder.path()).empty());
}

TEST_CASE("new files that cannot be used are told of once each, and taken once they can be") {
  const TempDir folder("replaced-unfit");
  auto broker = FaultyBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 1).ok());
  const std::vector<std::string> buffers = {folder.file("one"), folder.file("two")};
  Agent agent({.buffer = buffers[0],
               .brokers = (*broker)->bootstrap(),
               .topic = "t",
               .more = {"-b", buffers[1]}});
  CHECK(!agent.page("/metrics").empty());
  for (const auto& buffer : buffers) {
    fs::rename(buffer, buffer + ".1");
    fs::create_symlink(buffer + ".1", buffer);
  }
  REQUIRE(eventually(std::chrono::seconds(20),
                     [&] { return occurrences(agent.log(), "trying again each second") == 2; }));
  CHECK(!agent.process().wait(std::chrono::seconds(3)));
  CHECK(occurrences(agent.log(), "trying again each second") == 2);
  for (const auto& buffer : buffers) {
    fs::remove(buffer);
    append(buffer, "new\n");
  }
  CHECK(eventually(std::chrono::seconds(20),
                   [&] { return agent.metric("punchline_records_confirmed_total") == 2; }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE(
    "truncated, and grown beyond its front again before anybody looks: all that is new goes") {
  const TempDir folder("replaced-truncated");
  auto broker = FaultyBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 1).ok());
  const auto buffer = folder.file("buffer");
  const auto lines = [](const std::string& word, int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text += word + std::to_string(100'000 + i) + "\n";
    return text;
  };
  append(buffer, lines("old", 3'000));
  Agent agent({.buffer = buffer, .brokers = (*broker)->bootstrap(), .topic = "t"});
  REQUIRE(agent.drains());
  (*broker)->set_leader("t", 0, -1);
  append(buffer, lines("lost", 20'000));
  REQUIRE(eventually(std::chrono::seconds(20),
                     [&] { return agent.metric("punchline_waiting_bytes") > 200'000; }));
  fs::resize_file(buffer, 0);
  append(buffer, lines("new", 9'000));
  REQUIRE(agent.logs("it was truncated"));
  (*broker)->set_leader("t", 0, 1);
  REQUIRE(agent.drains());
  CHECK(agent.stop().code == 0);
  const auto log = read_file(read_topic((*broker)->bootstrap(), "t", 1, folder.path())[0]);
  CHECK(log.ends_with(lines("new", 9'000)));
}

}  // namespace
}  // namespace punchline::testing
