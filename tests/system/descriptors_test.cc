// How many files and sockets the agent may have open (RLIMIT_NOFILE).

#include <filesystem>
#include <string>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

/// `count` buffers to one topic, by a configuration file.
struct Many : Place {
  explicit Many(int count) {
    std::string list;
    for (int i = 0; i < count; ++i)
      list += std::string(i > 0 ? "," : "") + R"({"topic": "t", "path": ")" + path(i) + "\"}";
    write_file(folder.file("config.json"),
               R"({"kafka": {"bootstrap.servers": ")" + setup.brokers +
                   R"("}, "http": {"listen": "127.0.0.1:0"}, "buffers": [)" + list + "]}");
  }
  std::string path(int i) const { return folder.file("buffer-" + std::to_string(i)); }
  void append_to(int i) const { std::ofstream(path(i), std::ios::app) << "record\n"; }
  Command run_command(const std::string& limits) const {
    auto command = punchline({"run", "-c", folder.file("config.json")});
    command.argv.insert(command.argv.begin(),
                        {"bash", "-c", "ulimit " + limits + R"(; exec "$@")", "-"});
    return command;
  }
};

}  // namespace

TEST_CASE("the usual soft limit of descriptors is no limit for the buffers of one agent") {
  constexpr int kBuffers = 350;  // four descriptors each
  const Many place(kBuffers);
  Agent agent(place.path(0), place.run_command("-Sn 1024"));
  REQUIRE(agent.logs("350 buffers need up to 3756 descriptors", seconds(60)));
  for (int i = 0; i < kBuffers; ++i)
    place.append_to(i);
  CHECK(eventually(seconds(60), [&] {
    return agent.metric("punchline_records_confirmed_total") == kBuffers;
  }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("with too few descriptors for its buffers it does not begin, and says how many") {
  const Many place(16);
  const auto refused = run(place.run_command("-n 64"));
  CHECK(refused.exit.code == 78);
  CHECK_THAT(refused.err, Contains("the limit (ulimit -n, LimitNOFILE) is 64: raise it, 88 is the "
                                   "least to begin with"));
  CHECK_FALSE(std::filesystem::exists(place.path(0)));
}

TEST_CASE("with just enough it is there for Kafka and for who asks, and warns") {
  const Many place(16);
  Agent agent(place.path(15), place.run_command("-n 100"));
  REQUIRE(agent.logs("or files and connections may have to wait"));
  place.append_to(15);
  CHECK(eventually(seconds(30), [&] {
    return agent.metric("punchline_records_confirmed_total") == 1;
  }));
  int status = 0;
  agent.page("/healthz", &status);
  CHECK(status == 200);
  CHECK(agent.stop().code == 0);
}

}  // namespace punchline::testing
