#include <filesystem>
#include <sstream>

#include "sinks/embedded_broker.h"
#include "tests/support/catch.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

void install_to(const fs::path& destination) {
  const auto result = run({.argv = {PUNCHLINE_CMAKE, "--install", PUNCHLINE_BINARY_DIR},
                           .environment = {"DESTDIR=" + destination.string()}});
  INFO(result.out << result.err);
  REQUIRE(result.exit.code == 0);
}

// The only one of that name.
fs::path find_file(const fs::path& folder, const std::string& name) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file() && entry.path().filename() == name) return entry.path();
  }
  FAIL("not installed: " << name);
  return {};
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("installing puts program, unit and example in place, and keeps an operator's own") {
  const TempDir folder("install");
  install_to(folder.path());
  const auto program = find_file(folder.path(), "punchline");
  CHECK(run({.argv = {program, "--version"}}).exit.code == 0);

  const auto config = folder.path().string() + PUNCHLINE_ETC "/punchline.json";
  REQUIRE(fs::exists(config));
  write_file(config, "my own");
  install_to(folder.path());
  CHECK(read_file(config) == "my own");
}

TEST_CASE("a prefix that is given at the installation is kept to") {
  const TempDir folder("prefix");
  const auto prefix = folder.file("opt");
  const auto result =
      run({.argv = {PUNCHLINE_CMAKE, "--install", PUNCHLINE_BINARY_DIR, "--prefix", prefix}});
  INFO(result.out << result.err);
  REQUIRE(result.exit.code == 0);
  CHECK(fs::exists(prefix + "/bin/punchline"));
  CHECK(fs::exists(prefix + "/etc/punchline/punchline.json"));
  const auto unit = prefix + "/lib/systemd/system/punchline.service";
  CHECK_THAT(read_file(unit), Contains("ExecStart=" + prefix + "/bin/punchline run -c " + prefix +
                                       "/etc/punchline/punchline.json"));
  const auto verified = run({.argv = {"systemd-analyze", "verify", unit}});
  INFO(verified.err);
  CHECK(verified.exit.code == 0);
}

TEST_CASE("systemd accepts the installed unit") {
  const TempDir folder("unit");
  install_to(folder.path());
  const auto installed = read_file(find_file(folder.path(), "punchline.service"));
  CHECK_THAT(installed, Contains("ExecStart=" PUNCHLINE_BIN "/punchline run -c " PUNCHLINE_ETC
                                 "/punchline.json"));
  // It looks whether the program is there, so the unit names the one in this folder.
  const auto unit = folder.file("punchline.service");
  write_file(unit, replaced(installed, PUNCHLINE_BIN "/punchline",
                            find_file(folder.path(), "punchline").string()));
  const auto verified = run({.argv = {"systemd-analyze", "verify", unit}});
  INFO(verified.err);
  CHECK(verified.exit.code == 0);
  CHECK(verified.err.empty());
}

// The config with what it names replaced by what is here; `check` finds nothing wrong.
void check_accepts(std::string text, const std::string& path, const std::string& brokers,
                   const std::string& listen) {
  const TempDir folder("example");
  const auto broker = EmbeddedBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("logs", 1).ok());
  text = replaced(text, path, folder.file("app.buf"));
  text = replaced(text, brokers, (*broker)->bootstrap());
  text = replaced(text, listen, "127.0.0.1:0");
  write_file(folder.file("punchline.json"), text);
  const auto checked = run(punchline({"check", "-c", folder.file("punchline.json")}));
  INFO(checked.out << checked.err);
  CHECK(checked.exit.code == 0);
}

TEST_CASE("check understands the example config") {
  const auto text = read_file(fs::path(PUNCHLINE_SOURCE_DIR) / "deploy/punchline.json");
  check_accepts(replaced(text, "\"group\": \"punchline\"", "\"group\": \"\""),
                "/var/spool/punchline/app.buf", "localhost:9092", "127.0.0.1:9377");
}

// What stands in a file of YAML under `name`, as it would be mounted.
std::string block_of(const std::string& yaml, const std::string& name) {
  std::istringstream lines(yaml);
  std::string text;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && !line.starts_with("    ")) break;
    if (inside) text += line.substr(4) + "\n";
    if (line == "  " + name + ": |") inside = true;
  }
  REQUIRE_FALSE(text.empty());
  return text;
}

TEST_CASE("check understands the config of the sidecar") {
  const auto yaml = read_file(fs::path(PUNCHLINE_SOURCE_DIR) / "deploy/kubernetes.yaml");
  check_accepts(block_of(yaml, "punchline.json"), "/buffer/app.buf", "kafka:9092", "0.0.0.0:9377");
}

}  // namespace
}  // namespace punchline::testing
