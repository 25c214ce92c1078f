// One buffer that cannot be opened does not stop the others.

#include <filesystem>
#include <memory>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using std::chrono::seconds;

/// Two good buffers with a line in each, and a bad one between them.
struct Three : Place {
  std::string second = folder.file("second");
  std::string bad = folder.file("bad");

  Three() {
    append("one\n");
    write_file(second, "two\n");
    setup.more = {"-b", bad, "-b", second};
  }
  int readyz(Agent& agent, std::string& body) const {
    int status = 0;
    body = agent.page("/readyz", &status);
    return status;
  }
  static bool is_open(Agent& agent, const std::string& path, double open) {
    const auto label = "buffer=\"" + path + "\"";
    return eventually(seconds(20),
                      [&] { return agent.metric("punchline_buffer_open", label) == open; });
  }
  bool all_but_it_arrive(Agent& agent) const {
    return eventually(seconds(30), [&] {
      return agent.metric("punchline_records_confirmed_total") == 2;
    });
  }
};

}  // namespace

TEST_CASE("the others go on, it is told, and it is taken as soon as it can be") {
  Three it;
  std::string text;
  std::unique_ptr<Agent> holder;
  SECTION("a folder in its place") {
    fs::create_directory(it.bad);
    text = "not a regular file";
  }
  SECTION("its folder is missing") {
    it.bad = it.folder.file("later/bad");
    it.setup.more[1] = it.bad;
    text = "later";
  }
  SECTION("a symbolic link") {
    write_file(it.folder.file("other"), "");
    fs::create_symlink(it.folder.file("other"), it.bad);
    text = "symbolic link";
  }
  SECTION("another agent has it") {
    auto other = it.setup;
    other.buffer = it.bad;
    other.more.clear();
    holder = std::make_unique<Agent>(other);
    REQUIRE(holder->logs("fresh"));
    text = "is locked by";
  }
  Agent agent(it.setup);
  CHECK(it.all_but_it_arrive(agent));
  CHECK(it.is_open(agent, it.bad, 0));
  CHECK(it.is_open(agent, it.second, 1));
  std::string body;
  CHECK(it.readyz(agent, body) == 503);
  CHECK_THAT(body, Contains(it.bad) && Contains(text));
  CHECK(agent.metric("punchline_ready") == 0);
  CHECK_THAT(agent.page("/status"), Contains("\"trouble\": \"") && Contains(it.bad));
  CHECK_THAT(agent.log(), Contains("the others go on"));

  if (holder != nullptr) CHECK(holder->stop().code == 0);
  if (text == "later") fs::create_directory(it.folder.file("later"));
  if (holder == nullptr) fs::remove(it.bad);
  CHECK(it.is_open(agent, it.bad, 1));
  CHECK(it.readyz(agent, body) == 200);
  write_file(it.bad, "three\n");
  CHECK(eventually(seconds(20), [&] {
    return agent.metric("punchline_records_confirmed_total") == 3;
  }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("one that is open is enough where ready_requires says so") {
  Three it;
  fs::create_directory(it.bad);
  it.setup.before = {"env", "PUNCHLINE_READY_REQUIRES=any"};
  Agent agent(it.setup);
  REQUIRE(it.all_but_it_arrive(agent));
  std::string body;
  CHECK(it.readyz(agent, body) == 200);
  CHECK_THAT(body, Contains("ok, but not open: " + it.bad));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("what becomes unfit while an agent runs is told by /readyz as well") {
  Three it;
  write_file(it.bad, "");
  Agent agent(it.setup);
  REQUIRE(it.all_but_it_arrive(agent));
  REQUIRE(it.is_open(agent, it.bad, 1));
  fs::remove(it.bad);
  fs::create_directory(it.bad);
  CHECK(it.is_open(agent, it.bad, 0));
  std::string body;
  CHECK(it.readyz(agent, body) == 503);
  fs::remove(it.bad);
  CHECK(it.is_open(agent, it.bad, 1));
  CHECK(it.readyz(agent, body) == 200);
}

TEST_CASE("a run that ends by itself, and one without any buffer to open, are strict") {
  Three it;
  fs::create_directory(it.bad);
  const auto once = it.once({"-b", it.bad, "-b", it.second});
  CHECK(once.exit.code == 78);
  auto alone = it.setup;
  alone.buffer = it.bad;
  alone.more.clear();
  CHECK(run(run_command(alone)).exit.code == 78);
  CHECK(it.delivered().empty());
}

}  // namespace punchline::testing
