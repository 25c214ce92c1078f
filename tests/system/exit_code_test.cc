#include <filesystem>
#include <fstream>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sinks/embedded_broker.h"
#include "tests/support/catch.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;
using Words = std::vector<std::string>;
using Catch::Matchers::Contains;

// Nobody listens there; a connection is refused at once.
constexpr const char* kNowhere = "127.0.0.1:1";

std::unique_ptr<EmbeddedBroker> broker_with(const std::string& topic) {
  auto broker = EmbeddedBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic(topic, 2).ok());
  return std::move(*broker);
}

struct Ending {
  int code;
  std::string words;
};

Ending ending(const Words& arguments, const std::string& input = "/dev/null") {
  auto command = punchline(arguments);
  command.stdin_path = input;
  const auto result = run(command);
  return {result.exit.code, result.err + result.out};
}

// A port that somebody else listens on.
class TakenPort {
 public:
  TakenPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(fd_, 1) == 0);
    REQUIRE(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~TakenPort() { close(fd_); }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  const std::string& address() const { return address_; }

 private:
  int fd_;
  std::string address_;
};

TEST_CASE("0: asked for information, or all went well") {
  CHECK(ending({"--version"}).code == 0);
  CHECK(ending({"--help"}).code == 0);
  for (const char* command : {"run", "check", "demo", "append", "inspect"}) {
    CAPTURE(command);
    CHECK(ending({command, "--help"}).code == 0);
  }
  const TempDir folder("exit-0");
  const auto broker = broker_with("t");
  const auto buffer = folder.file("buffer");
  write_file(folder.file("input"), "one\ntwo\nthree without newline");
  CHECK(ending({"append", buffer}, folder.file("input")).code == 0);
  CHECK(ending({"inspect", buffer}).code == 0);
  CHECK(inspect(buffer).waiting_records == 3);
  const Words common = {"-b", buffer, "--brokers", broker->bootstrap(), "--topic", "t"};
  Words check = {"check"};
  check.insert(check.end(), common.begin(), common.end());
  const auto checked = ending(check);
  INFO(checked.words);
  CHECK(checked.code == 0);
  Words once = {"run", "--once", "--timeout", "30"};
  once.insert(once.end(), common.begin(), common.end());
  const auto forwarded = ending(once);
  INFO(forwarded.words);
  CHECK(forwarded.code == 0);
  CHECK(inspect(buffer).waiting_records == 0);
}

TEST_CASE("64: wrong flags, missing arguments") {
  const std::vector<Words> wrong = {{},
                                    {"frobnicate"},
                                    {"run", "--no-such-flag"},
                                    {"run", "-b"},
                                    {"run", "--timeout", "soon", "-b", "x"},
                                    {"check", "-X"},
                                    {"append"},
                                    {"append", "a", "b"},
                                    {"append", "a", "--format", "xml"},
                                    {"inspect"},
                                    {"inspect", "--xml", "a"},
                                    {"demo", "--no-such-flag"}};
  for (const auto& arguments : wrong) {
    const auto result = ending(arguments);
    INFO("punchline " << (arguments.empty() ? "" : arguments[0]) << ": " << result.words);
    CHECK(result.code == 64);
    CHECK(!result.words.empty());
  }
}

TEST_CASE("65: run set something aside, append refused a record") {
  const TempDir folder("exit-65");
  const auto buffer = folder.file("buffer");
  const auto input = folder.file("input");
  write_file(input, "first\n" + std::string(1'100'000, 'x') + "\nthird\n");

  const auto appended = ending({"append", buffer}, input);
  CHECK(appended.code == 65);
  CHECK_THAT(appended.words, Contains("2"));  // the number of the record
  CHECK(inspect(buffer).waiting_records == 2);

  const auto broker = broker_with("t");
  write_file(buffer, read_file(input));
  const RunSetup setup{.buffer = buffer, .brokers = broker->bootstrap(), .topic = "t"};
  const auto first = run_once(setup);
  INFO(first.err);
  CHECK(first.exit.code == 65);
  CHECK(inspect(buffer).set_aside == 0);
  CHECK(inspect(buffer + ".quarantine").waiting_records == 1);
  CHECK(run_once(setup).exit.code == 0);  // it is elsewhere now
}

TEST_CASE("69: Kafka cannot be used in time; that goes before 65") {
  const TempDir folder("exit-69");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "one\n" + std::string(1'100'000, 'x') + "\n");
  const Words common = {"-b", buffer, "--brokers", kNowhere, "--topic", "t"};
  Words once = {"run", "--once", "--timeout", "2"};
  once.insert(once.end(), common.begin(), common.end());
  CHECK(ending(once).code == 69);
  Words check = {"check"};
  check.insert(check.end(), common.begin(), common.end());
  CHECK(ending(check).code == 69);
}

TEST_CASE("73: a buffer cannot be created or opened") {
  const auto broker = broker_with("t");  // one that answers, so that check need not wait
  const TempDir folder("exit-73");
  const auto nowhere = folder.file("no/such/folder/buffer");
  for (const char* command : {"run", "check"}) {
    CAPTURE(command);
    const auto result =
        ending({command, "-b", nowhere, "--brokers", broker->bootstrap(), "--topic", "t"});
    CHECK(result.code == 73);
    CHECK_THAT(result.words, Contains(nowhere));
  }
  CHECK(ending({"append", nowhere}).code == 73);
}

TEST_CASE("73: check names a quarantine that could not be created") {
  const auto broker = broker_with("t");
  const TempDir folder("exit-73-quarantine");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "");
  std::filesystem::permissions(buffer, std::filesystem::perms(0666));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  auto check = punchline({"check", "-b", buffer, "--brokers", broker->bootstrap(), "--topic", "t"});
  if (geteuid() == 0) {
    const Words nobody = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
    check.argv.insert(check.argv.begin(), nobody.begin(), nobody.end());
  }
  const auto result = run(check);
  INFO(result.out);
  CHECK(result.exit.code == 73);
  CHECK_THAT(result.out,
             Contains("no    " + buffer + ".quarantine cannot be created: Permission denied"));
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0700));
}

TEST_CASE("74: the HTTP port is taken") {
  const auto broker = broker_with("t");  // one that answers, so that check need not wait
  const TempDir folder("exit-74");
  const TakenPort port;
  for (const char* command : {"run", "check"}) {
    CAPTURE(command);
    const auto result = ending({command, "-b", folder.file("buffer"), "--brokers",
                                broker->bootstrap(), "--topic", "t", "--listen", port.address()});
    CHECK(result.code == 74);
    CHECK_THAT(result.words, Contains(port.address()));
  }
}

TEST_CASE("75: locked by another, which is named; or interrupted with data left") {
  const auto broker = broker_with("t");
  const TempDir folder("exit-75");
  const auto buffer = folder.file("buffer");
  write_file(buffer, "one\n");
  const RunSetup setup{.buffer = buffer, .brokers = kNowhere, .topic = "t"};
  {
    Agent holder(setup);
    int status = 0;
    holder.page("/healthz", &status);  // it listens last of all, so it has the lock
    CHECK(status == 200);
    for (const char* command : {"run", "check"}) {
      CAPTURE(command);
      const auto result =
          ending({command, "-b", buffer, "--brokers", broker->bootstrap(), "--topic", "t"});
      INFO(result.words);
      CHECK(result.code == 75);
      CHECK_THAT(result.words, Contains(std::to_string(holder.process().pid())));
      CHECK_THAT(result.words, !Contains("the others go on") && !Contains("tried again"));
    }
    CHECK(holder.stop().code == 0);  // without --once a stop is no failure
  }
  auto once = setup;
  once.more = {"--once"};
  Agent interrupted(once);
  CHECK(!interrupted.page("/metrics").empty());
  CHECK(interrupted.stop().code == 75);
}

TEST_CASE("78: a config that cannot be used says where and what") {
  const TempDir folder("exit-78");
  const auto config = folder.file("config.json");
  const auto judged = [&](const std::string& text) {
    write_file(config, text);
    const auto run_result = ending({"run", "-c", config});
    const auto check_result = ending({"check", "-c", config});
    CHECK(run_result.code == 78);
    CHECK(check_result.code == 78);
    return run_result.words;
  };
  const std::string buffers = R"("buffers": [{"path": ")" + folder.file("b") + R"(", "topic": "t")";
  const std::string kafka = R"("kafka": {"bootstrap.servers": "127.0.0.1:1")";

  CHECK_THAT(judged("{\n  \"buffers\": [}\n"), Contains("config.json:2:15"));
  CHECK_THAT(judged("{" + buffers + R"(, "topci": "x"}], )" + kafka + "}}"),
             Contains("topci") && Contains("topic"));
  CHECK_THAT(judged("{" + buffers + R"(, "record_bytes_max": 0}], )" + kafka + "}}"),
             Contains("record_bytes_max") && Contains("64MiB"));
  CHECK_THAT(judged("{" + buffers + R"(}], )" + kafka + R"(, "acks": 0}})"), Contains("acks"));
  CHECK_THAT(judged("{" + buffers + R"(}], )" + kafka + R"(, "no.such": 1}})"),
             Contains("no.such"));
  CHECK_THAT(judged("{" + buffers + "}]}"), Contains("bootstrap.servers"));
  CHECK(ending({"run", "-c", folder.file("missing.json")}).code == 78);
  CHECK(ending({"run", "-b", folder.file("b"), "--topic", "t", "--brokers", kNowhere, "-X",
                "enable.idempotence=false"})
            .code == 78);
  CHECK(!std::filesystem::exists(folder.file("b")));  // refused before anything was made
}

TEST_CASE("78: a path that is no ordinary file") {
  const auto broker = broker_with("t");  // one that answers, so that check need not wait
  const TempDir folder("exit-78-path");
  std::filesystem::create_directory(folder.file("folder"));
  write_file(folder.file("file"), "one\n");
  std::filesystem::create_symlink(folder.file("file"), folder.file("link"));
  REQUIRE(mkfifo(folder.file("fifo").c_str(), 0600) == 0);
  for (const char* name : {"folder", "link", "fifo"}) {
    CAPTURE(name);
    const Words common = {"-b", folder.file(name), "--brokers", broker->bootstrap(), "--topic",
                          "t"};
    for (const char* command : {"run", "check"}) {
      Words arguments = {command};
      arguments.insert(arguments.end(), common.begin(), common.end());
      const auto result = ending(arguments);
      INFO(result.words);
      CHECK(result.code == 78);
      CHECK_THAT(result.words, Contains(folder.file(name)));
    }
    CHECK(ending({"append", folder.file(name)}).code == 78);
  }
  CHECK(ending({"append", folder.file("file"), "--format", "frames"}).code == 78);
}

TEST_CASE("check says each thing, all at once, and leaves nothing behind") {
  const TempDir folder("check");
  const auto broker = broker_with("t");
  const auto result =
      ending({"check", "-b", folder.file("buffer"), "-b", folder.path().string(), "--brokers",
              "no-such-host.invalid:9092," + broker->bootstrap(), "--topic", "t"});
  INFO(result.words);
  CHECK(result.code == 78);  // that of the first failure
  CHECK_THAT(result.words, Contains("no-such-host.invalid") && Contains(folder.path().string()));
  CHECK(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace punchline::testing
