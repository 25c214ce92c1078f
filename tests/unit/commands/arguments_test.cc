#include "agent/commands/arguments.h"

#include <algorithm>

#include "agent/config/config_error.h"
#include "agent/core/version.h"
#include "tests/support/catch.h"

using namespace punchline;
using namespace Catch::Matchers;

namespace {

Arguments parse(std::vector<const char*> words) {
  words.insert(words.begin(), "punchline");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

/// "CODE text" of the error.
std::string error_of(std::vector<const char*> words) {
  try {
    parse(std::move(words));
  } catch (const ConfigError& error) {
    return std::to_string(static_cast<int>(error.code())) + " " + error.what();
  }
  return "no error";
}

std::string information(std::vector<const char*> words) {
  return std::get<Information>(parse(std::move(words))).text;
}

/// "key=value" of each flag, sorted.
std::vector<std::string> given(const RunArguments& run) {
  std::vector<std::string> values;
  for (const auto& flag : run.flags) {
    values.push_back(std::string(flag.option->key) + '=' + flag.value);
  }
  std::ranges::sort(values);
  return values;
}

}  // namespace

TEST_CASE("every flag of run arrives at its option") {
  const auto run = std::get<RunArguments>(parse(
      {"run", "-c",  "f",  "-b",  "a",        "-b",  "b",      "--brokers", "k:1", "--topic", "t",
       "-X",  "p=v", "-X", "q=w", "--listen", "l:0", "--once", "--timeout", "5",   "--fence"}));
  CHECK_FALSE(run.check_only);
  CHECK(given(run) == std::vector<std::string>{"*=p=v", "*=q=w", "bootstrap.servers=k:1",
                                               "config=f", "fence=true", "listen=l:0", "once=true",
                                               "path=a", "path=b", "timeout=5", "topic=t"});
}

TEST_CASE("check takes the options of run") {
  const auto check = std::get<RunArguments>(parse({"check", "-b", "a", "--topic", "t"}));
  CHECK(check.check_only);
  CHECK(given(check) == std::vector<std::string>{"path=a", "topic=t"});
}

TEST_CASE("a repeated flag keeps its order") {
  const auto run = std::get<RunArguments>(parse({"run", "-b", "z", "-b", "a"}));
  CHECK(run.flags[0].value == "z");
  CHECK(run.flags[1].value == "a");
}

TEST_CASE("a flag takes one value, the next word is not another") {
  CHECK_THAT(error_of({"run", "-b", "a", "b"}), StartsWith("64 ") && Contains("b"));
}

TEST_CASE("append and inspect") {
  const auto append =
      std::get<AppendOptions>(parse({"append", "buf", "--format", "frames", "--key", "k",
                                     "--header", "a=1", "--header", "b=x=y", "--sync"}));
  CHECK(append.path == "buf");
  CHECK(append.format == Format::frames);
  CHECK(append.key == "k");
  CHECK(append.headers ==
        std::vector<std::pair<std::string, std::string>>{{"a", "1"}, {"b", "x=y"}});
  CHECK(append.sync);
  CHECK(std::get<AppendOptions>(parse({"append", "buf"})).format == Format::lines);
  CHECK(std::get<InspectOptions>(parse({"inspect", "buf", "--json"})).json);
  CHECK(std::get<InspectOptions>(parse({"inspect", "buf"})).path == "buf");
  CHECK(std::holds_alternative<DemoArguments>(parse({"demo"})));
}

TEST_CASE("what is wrong on the command line is usage") {
  for (const auto& words : std::vector<std::vector<const char*>>{{},
                                                                 {"walk"},
                                                                 {"run", "--topik", "t"},
                                                                 {"run", "--topic"},
                                                                 {"append"},
                                                                 {"append", "b", "--format", "x"},
                                                                 {"append", "b", "--header", "x"},
                                                                 {"inspect"},
                                                                 {"demo", "--once"}}) {
    CHECK_THAT(error_of(words), StartsWith("64 "));
  }
}

TEST_CASE("what was not expected is named") {
  CHECK(error_of({"rnu", "-b", "a"}) ==
        "64 there is no command \"rnu\"; the nearest is \"run\" (see --help)");
  CHECK(error_of({"help"}) == "64 there is no command \"help\"; it is \"punchline --help\"");
  CHECK(error_of({"version"}) ==
        "64 there is no command \"version\"; it is \"punchline --version\"");
  CHECK(error_of({"status"}) ==
        "64 there is no command \"status\"; \"punchline inspect BUFFER\" shows a buffer, and GET "
        "/status a running agent (run --listen)");
  CHECK(error_of({"run", "-b", "a", "b"}) ==
        "64 run: an argument that was not expected: \"b\" (see --help)");
  CHECK(error_of({"append", "a", "b", "c", "--what"}) ==
        "64 append: arguments that were not expected: \"b\" \"c\" \"--what\" (see --help)");
}

TEST_CASE("help and version are information, not errors") {
  CHECK(information({"--version"}) == std::string("punchline ") + kVersion + "\n");
  CHECK_THAT(information({"--help"}), Contains("run") && Contains("inspect") && Contains("78"));
  const auto help = information({"run", "--help"});
  for (const auto& option : option_table()) {
    INFO(option.key);
    CHECK_THAT(help, Contains(std::string(option.help.substr(0, 20))));
    CHECK_THAT(help, Contains(std::string(option.environment)));
  }
  CHECK_THAT(information({"append", "--help"}), Contains("--sync"));
}

TEST_CASE("a flag for all buffers is given once, -b and -X as often as one likes") {
  CHECK_THAT(error_of({"run", "-b", "a", "--topic", "ta", "-b", "b", "--topic", "tb"}),
             StartsWith("64 --topic is given 2 times"));
  CHECK_THAT(error_of({"check", "--brokers", "a:1", "--brokers", "b:1"}),
             StartsWith("64 --brokers is given 2 times"));
  CHECK(error_of({"run", "-b", "a", "-b", "b", "-X", "a=1", "-X", "b=2"}) == "no error");
}
