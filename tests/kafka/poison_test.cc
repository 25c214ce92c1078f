#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

std::string line(int number) {
  return "line-" + std::to_string(number);
}

// The numbers of the lines in one partition.
std::vector<int> numbers_in(const std::filesystem::path& partition) {
  std::vector<int> numbers;
  std::ifstream in(partition, std::ios::binary);
  for (std::string text; std::getline(in, text);) {
    REQUIRE(text.rfind("line-", 0) == 0);
    numbers.push_back(std::stoi(text.substr(5)));
    REQUIRE(text == line(numbers.back()));
  }
  return numbers;
}

// All lines of the topic; each partition's are in order, none is there twice.
std::size_t count_in_order(const KafkaCluster& kafka, const std::string& topic, int partitions,
                           const TempDir& folder) {
  std::size_t count = 0;
  for (const auto& file : read_topic(kafka.bootstrap(), topic, partitions, folder.path())) {
    const auto numbers = numbers_in(file);
    CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
    count += numbers.size();
  }
  return count;
}

std::size_t text_bytes(const std::string& path) {
  const auto text = read_file(path);
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return c != '\0' && c != '\n'; }));
}

void append(const std::string& buffer, const std::string& text) {
  std::ofstream(buffer, std::ios::binary | std::ios::app) << text;
}

std::string lines(int from, int to) {
  std::string text;
  for (int number = from; number < to; ++number)
    text += line(number) + "\n";
  return text;
}

TEST_CASE("one poison record among innocent ones: all of these arrive, and it is kept") {
  KafkaCluster kafka;
  kafka.create_topic("t", 1, {{"max.message.bytes", "4000"}});
  const TempDir folder("poison");
  const auto buffer = folder.file("buffer");
  const std::string poison(12'000, 'p');
  append(buffer, lines(0, 779) + poison + "\n" + lines(779, 2000));
  Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "t"});
  REQUIRE(agent.drains(seconds(60)));
  append(buffer, lines(2000, 2200));
  REQUIRE(agent.drains(seconds(60)));
  INFO(agent.log());
  CHECK(agent.metric("punchline_set_aside_records", "refused") == 1);
  CHECK(eventually(seconds(5), [&] {
    return agent.metric("punchline_quarantine_bytes") >= static_cast<double>(poison.size());
  }));
  CHECK(count_in_order(kafka, "t", 1, folder) == 2200);
  CHECK(read_file(buffer + ".quarantine").find(poison) != std::string::npos);
  CHECK(inspect(buffer + ".quarantine").text.find("\"error\": \"MSG_SIZE_TOO_LARGE\"") !=
        std::string::npos);

  kafka.alter_topic("t", {{"max.message.bytes", "20000"}});
  CHECK(run(punchline({"requeue", buffer + ".quarantine"})).exit.code == 0);
  CHECK(eventually(seconds(5), [&] { return agent.metric("punchline_quarantine_bytes") == 0; }));
  CHECK(eventually(seconds(60), [&] { return kafka.record_count("t") == 2201; }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE(
    "dead letters: what is set aside goes on to a topic of its own, or stays in the quarantine") {
  KafkaCluster kafka;
  kafka.create_topic("t", 2, {{"max.message.bytes", "4000"}});
  kafka.create_topic("dead", 1, {{"max.message.bytes", "50000"}});
  const TempDir folder("dead");
  const auto buffer = folder.file("buffer");
  const std::string poison(12'000, 'p');
  const std::string too_large_for_both(60'000, 'q');
  append(buffer, lines(0, 500) + poison + "\n" + lines(500, 900) + too_large_for_both + "\n" +
                     lines(900, 1000));
  const RunSetup setup{.buffer = buffer,
                       .brokers = kafka.bootstrap(),
                       .topic = "t",
                       .before = {"env", "PUNCHLINE_DEAD_LETTER_TOPIC=dead"}};
  const auto once = run_once(setup);
  INFO(once.err);
  CHECK(once.exit.code == 65);
  CHECK(count_in_order(kafka, "t", 2, folder) == 1000);
  const auto dead = read_file(read_topic_whole(kafka.bootstrap(), "dead", 1, folder.path())[0]);
  CHECK(dead.find(poison) != std::string::npos);
  for (const auto* header :
       {"punchline.reason=refused", "punchline.topic=t", "punchline.error=MSG_SIZE_TOO_LARGE",
        "punchline.partition=", "punchline.position=", "punchline.buffer="}) {
    INFO(header);
    CHECK(dead.find(header) != std::string::npos);
  }
  CHECK(kafka.record_count("dead") == 1);
  CHECK(inspect(buffer).data_bytes <= 4096);
  CHECK(inspect(buffer + ".quarantine").waiting_records == 1);
  CHECK(read_file(buffer + ".quarantine").find(too_large_for_both) != std::string::npos);

  // A running agent takes more of them, and what it left when the topic is mended.
  kafka.alter_topic("dead", {{"max.message.bytes", "200000"}});
  Agent agent(setup);
  append(buffer, poison + "\n" + lines(1000, 1100));
  REQUIRE(eventually(seconds(60), [&] { return kafka.record_count("dead") == 3; }));
  CHECK(agent.stop().code == 0);
  CHECK(inspect(buffer + ".quarantine").waiting_records == 0);
}

TEST_CASE("dead letters arrive through kill -9 of the agent, and so does all the rest") {
  constexpr int kPoisons = 30;
  constexpr int kKills = 8;
  KafkaCluster kafka;
  kafka.create_topic("t", 2, {{"max.message.bytes", "4000"}});
  kafka.create_topic("dead", 1);
  const TempDir folder("dead");
  const auto buffer = folder.file("buffer");
  const auto poison = [](int number) {
    return "poison-" + std::to_string(number) + "-" + std::string(6'000, 'p');
  };
  const RunSetup setup{.buffer = buffer,
                       .brokers = kafka.bootstrap(),
                       .topic = "t",
                       .before = {"env", "PUNCHLINE_DEAD_LETTER_TOPIC=dead"}};
  for (int number = 0; number < kPoisons; ++number)
    append(buffer, lines(number * 100, number * 100 + 100) + poison(number) + "\n");
  for (int kill = 0; kill < kKills; ++kill) {
    Agent agent(setup);
    const auto wanted = 1.0 + kill % 3;
    REQUIRE(eventually(seconds(60), [&] {
      return agent.metric("punchline_records_confirmed_total", "quarantine") >= wanted;
    }));
    agent.kill9();
  }
  const auto once = run_once(setup);
  INFO(once.err);
  CHECK((once.exit.code == 0 || once.exit.code == 65));
  const auto dead = read_file(read_topic(kafka.bootstrap(), "dead", 1, folder.path())[0]);
  for (int number = 0; number < kPoisons; ++number) {
    INFO(number);
    CHECK(dead.find(poison(number)) != std::string::npos);
  }
  CHECK(text_bytes(buffer) <= 4096);  // newlines stay before what was freed by an earlier run
  CHECK(inspect(buffer + ".quarantine").waiting_records == 0);
  std::set<int> arrived;
  for (const auto& file : read_topic(kafka.bootstrap(), "t", 2, folder.path())) {
    int last = -1;
    for (const auto number : numbers_in(file)) {
      if (!arrived.insert(number).second) continue;
      CHECK(number > last);
      last = number;
    }
  }
  CHECK(arrived.size() == kPoisons * 100);
}

TEST_CASE("a poison record in each thousand: the others arrive in order") {
  constexpr int kThousands = 40;
  KafkaCluster kafka;
  kafka.create_topic("t", 4, {{"max.message.bytes", "100000"}});
  const TempDir folder("poison");
  const auto buffer = folder.file("buffer");
  const std::string poison(120'000, 'p');
  for (int i = 0; i < kThousands; ++i)
    append(buffer, lines(i * 1000, (i + 1) * 1000) + poison + "\n");
  const auto once = run_once({.buffer = buffer,
                              .brokers = kafka.bootstrap(),
                              .topic = "t",
                              .more = {"-X", "batch.size=50000"}});
  INFO(once.err);
  CHECK(once.exit.code == 65);
  CHECK(count_in_order(kafka, "t", 4, folder) == kThousands * 1000);
  CHECK(inspect(buffer + ".quarantine").waiting_records == kThousands);
  CHECK(inspect(buffer).data_bytes <= 4096);
}

TEST_CASE("a compacted topic refuses records without key: a fault of settings, not of records") {
  constexpr int kLines = 2'000;
  KafkaCluster kafka;
  kafka.create_topic("t", 2, {{"cleanup.policy", "compact"}});
  const TempDir folder("compacted");
  const auto buffer = folder.file("buffer");
  append(buffer, lines(0, kLines));
  Agent agent({.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "t"});
  REQUIRE(agent.logs("taken for a fault of its settings", seconds(60)));
  CHECK(agent.metric("punchline_set_aside_records", "refused") == 0);
  CHECK(agent.metric("punchline_records_confirmed_total") == 0);
  kafka.alter_topic("t", {{"cleanup.policy", "delete"}});
  REQUIRE(agent.drains(seconds(60)));
  CHECK(agent.stop().code == 0);
  CHECK(count_in_order(kafka, "t", 2, folder) == kLines);
}

TEST_CASE("a compacted topic refuses the few records there are: --once ends, none is set aside") {
  KafkaCluster kafka;
  kafka.create_topic("t", 1, {{"cleanup.policy", "compact"}});
  const TempDir folder("few");
  const auto buffer = folder.file("buffer");
  append(buffer, lines(0, 3));
  const RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "t"};
  const auto refused = run_once(setup);
  INFO(refused.err);
  CHECK(refused.exit.code == 69);
  CHECK(refused.err.find("nothing of that is set aside") != std::string::npos);
  CHECK(refused.err.find("its topic refuses each record that waits") != std::string::npos);
  CHECK(refused.err.find("not delivered, stays in the buffer: 3 records") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(buffer + ".quarantine"));
  kafka.alter_topic("t", {{"cleanup.policy", "delete"}});
  CHECK(run_once(setup).exit.code == 0);
  CHECK(count_in_order(kafka, "t", 1, folder) == 3);
}

TEST_CASE("check says beforehand what a topic would refuse") {
  KafkaCluster kafka;
  kafka.create_topic("small", 1, {{"max.message.bytes", "4000"}, {"cleanup.policy", "compact"}});
  kafka.create_topic("strict", 1, {{"min.insync.replicas", "2"}});
  const TempDir folder("check");
  const auto check = [&](const std::string& topic, const std::vector<std::string>& environment) {
    auto command = punchline(
        {"check", "-b", folder.file("buffer"), "--topic", topic, "--brokers", kafka.bootstrap()});
    command.environment = environment;
    return run(command, seconds(60));
  };
  const auto small = check("small", {});
  INFO(small.out);
  CHECK(small.exit.code == 0);
  CHECK(small.out.find("topic small: max.message.bytes is 4000: records of more than some 3903 "
                       "bytes would be set aside") != std::string::npos);
  CHECK(small.out.find("is compacted and refuses records without key") != std::string::npos);
  CHECK(small.out.find("yes   kafka: a producer id is given") != std::string::npos);
  const auto keyed = check("small", {"PUNCHLINE_KEY_COLUMN=1", "PUNCHLINE_RECORD_BYTES_MAX=3900"});
  CHECK(keyed.out.find("would be set aside") == std::string::npos);
  CHECK(keyed.out.find("is compacted") == std::string::npos);
  const auto strict = check("strict", {});
  CHECK(strict.exit.code == 69);
  CHECK(strict.out.find("it takes no record at all") != std::string::npos);

  const auto missing = check("none", {});
  INFO(missing.out);
  CHECK(missing.exit.code == 69);
  CHECK(missing.out.find("topic none does not exist in the cluster: create it; the brokers make "
                         "none (auto.create.topics.enable=false)") != std::string::npos);
  const auto letters = check("small", {"PUNCHLINE_DEAD_LETTER_TOPIC=dead"});
  INFO(letters.out);
  CHECK(letters.exit.code == 69);
  CHECK(letters.out.find("topic dead does not exist") != std::string::npos);
}

TEST_CASE("a topic that brokers make by themselves: check says how, and run has it made") {
  KafkaCluster kafka(
      {.properties = {{"auto.create.topics.enable", "true"}, {"num.partitions", "3"}}});
  const TempDir folder("made");
  write_file(folder.file("buffer"), "one\n");
  const RunSetup as_given{
      .buffer = folder.file("buffer"), .brokers = kafka.bootstrap(), .topic = "made"};
  auto asking = as_given;
  asking.more = {"-X", "allow.auto.create.topics=true"};
  const auto check = [](const RunSetup& setup) {
    auto command = run_command(setup);
    command.argv[1] = "check";
    return run(command, seconds(60));
  };
  const auto refused = check(as_given);
  INFO(refused.out);
  CHECK(refused.exit.code == 69);
  CHECK(refused.out.find("topic made does not exist in the cluster: create it, or let the brokers "
                         "make it, with num.partitions=3, by the kafka property "
                         "allow.auto.create.topics=true") != std::string::npos);
  const auto granted = check(asking);
  INFO(granted.out);
  CHECK(granted.exit.code == 0);
  CHECK(granted.out.find("topic made does not exist yet: the brokers make it when it is first "
                         "used, with num.partitions=3") != std::string::npos);
  CHECK(check(as_given).exit.code == 69);  // a look makes none
  CHECK(run_once(asking).exit.code == 0);
  CHECK(kafka.record_count("made") == 1);
}

}  // namespace
}  // namespace punchline::testing
