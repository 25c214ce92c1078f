// SIGHUP: what is read again, and what it is that the agent goes on with meanwhile.

#include <filesystem>

#include <signal.h>
#include <sys/stat.h>

#include "tests/support/eventually.h"
#include "tests/support/occurrences.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

std::string lines(const std::string& word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i)
    text += word + " " + std::to_string(100'000 + i) + "\n";
  return text;
}

struct Heard : Place {
  static bool confirms(Agent& agent, double records) {
    return eventually(seconds(60),
                      [&] { return agent.metric("punchline_records_confirmed_total") >= records; });
  }
};

}  // namespace

TEST_CASE("SIGHUP is answered, not died of") {
  Heard place;
  place.append(lines("first", 1'000));
  Agent agent(place.setup);
  REQUIRE(Heard::confirms(agent, 1));
  for (int times = 0; times < 20; ++times)
    agent.process().signal(SIGHUP);
  REQUIRE(agent.logs("the connection to Kafka is made anew"));
  place.append("one\n");
  CHECK(place.confirms(agent, 1'001));
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == lines("first", 1'000) + "one\n");
}

TEST_CASE("SIGHUP goes over to other brokers, and says what it cannot take over") {
  Heard place;
  place.append(lines("first", 1'000));
  const auto config = place.folder.file("config.json");
  const auto write = [&](const std::string& brokers, const std::string& more) {
    write_file(config, R"({"buffers": [{"path": ")" + place.setup.buffer + R"(", "topic": "t")" +
                           more + R"(}], "kafka": {"bootstrap.servers": ")" + brokers +
                           R"("}, "http": {"listen": "127.0.0.1:0"}})");
  };
  write("127.0.0.1:1", "");
  Agent agent(place.setup.buffer, punchline({"run", "-c", config}));
  REQUIRE(agent.logs("no Kafka broker"));
  write(place.setup.brokers, R"(, "record_bytes_max": "1KiB")");
  agent.process().signal(SIGHUP);
  CHECK(agent.logs("SIGHUP: record_bytes_max is another now; that needs a restart"));
  CHECK(place.confirms(agent, 1'000));
  write(place.setup.brokers, R"(, "no_such_key": 1)");
  agent.process().signal(SIGHUP);
  CHECK(agent.logs("unknown key \"no_such_key\""));
  CHECK(agent.logs("going on as before"));
  fs::remove(config);
  REQUIRE(::mkfifo(config.c_str(), 0600) == 0);
  agent.process().signal(SIGHUP);
  CHECK(agent.logs("is not a regular file"));
  place.append("one\n");
  CHECK(place.confirms(agent, 1'001));
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == lines("first", 1'000) + "one\n");
}

TEST_CASE("SIGHUP while the file of a secret is away: it is waited for, and the rest goes on") {
  Heard place;
  place.append(lines("first", 100));
  const auto config = place.folder.file("config.json");
  const auto secret = place.folder.file("secret");
  write_file(config, R"({"buffers": [{"path": ")" + place.setup.buffer +
                         R"(", "topic": "t"}], "kafka": {"bootstrap.servers": ")" +
                         place.setup.brokers + R"(", "sasl.password": {"file": ")" + secret +
                         R"("}}, "http": {"listen": "127.0.0.1:0"}})");
  write_file(secret, "one\n");
  Agent agent(place.setup.buffer, punchline({"run", "-c", config}));
  REQUIRE(place.confirms(agent, 100));
  fs::remove(secret);
  agent.process().signal(SIGHUP);
  REQUIRE(agent.logs("secret: No such file or directory; "));
  CHECK(agent.logs("; going on as before, trying again each few seconds"));
  CHECK(agent.metric("punchline_kafka_reconnecting") == 1);
  place.append("one\n");
  CHECK(place.confirms(agent, 101));
  write_file(secret, "two\n");
  CHECK(agent.logs("the connection to Kafka is made anew"));
  CHECK(occurrences(agent.log(), "going on as before") == 1);
  CHECK(agent.metric("punchline_kafka_reconnecting") == 0);
  CHECK(agent.stop().code == 0);
}

}  // namespace punchline::testing
