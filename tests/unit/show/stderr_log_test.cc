#include "agent/show/stderr_log.h"

#include <sstream>
#include <vector>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using namespace Catch::Matchers;

namespace {

/// Our stderr goes to a file while this lives.
class CapturedStderr {
 public:
  CapturedStderr() : before_(dup(STDERR_FILENO)) {
    const int file = open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(file, STDERR_FILENO);
    close(file);
  }
  ~CapturedStderr() {
    dup2(before_, STDERR_FILENO);
    close(before_);
  }
  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::istringstream text(testing::read_file(path_));
    for (std::string line; std::getline(text, line);)
      lines.push_back(line);
    return lines;
  }

 private:
  testing::TempDir dir_{"log_test"};
  std::string path_ = dir_.file("stderr");
  int before_;
};

std::vector<std::string> logged(LogLevel lowest, LogFormat format, const char* text) {
  const CapturedStderr captured;
  auto log = stderr_log(lowest, format);
  log->debug("{}", text);
  log->info("{}", text);
  log->warning("{} {}", text, 2);
  log->error("{}", text);
  log.reset();  // its last words
  return captured.lines();
}

}  // namespace

TEST_CASE("a line is time, level and text") {
  const auto lines = logged(LogLevel::debug, LogFormat::text, "a {} \"b\" \\");
  REQUIRE(lines.size() == 4);
  CHECK_THAT(lines[0], EndsWith(" debug: a {} \"b\" \\"));
  CHECK_THAT(lines[1], EndsWith(" info: a {} \"b\" \\"));
  CHECK_THAT(lines[2], EndsWith(" warning: a {} \"b\" \\ 2"));
  CHECK_THAT(lines[3], EndsWith(" error: a {} \"b\" \\"));
}

TEST_CASE("what is below the level is not written") {
  CHECK(logged(LogLevel::warning, LogFormat::text, "x").size() == 2);
  CHECK(logged(LogLevel::error, LogFormat::text, "x").size() == 1);
}

TEST_CASE("one event is one line, whatever its text") {
  const auto lines = logged(LogLevel::error, LogFormat::text, "a\nb\x1b[31m\x7f");
  REQUIRE(lines.size() == 1);
  CHECK_THAT(lines[0], EndsWith(" error: a\\u000ab\\u001b[31m\\u007f"));
}

TEST_CASE("as JSON each line is an object, also where the text is no UTF-8") {
  const auto lines = logged(LogLevel::error, LogFormat::json, "/var/spool/\xff.buf: gone");
  REQUIRE(lines.size() == 1);
  CHECK(nlohmann::json::parse(lines[0])["text"] == "/var/spool/\xef\xbf\xbd.buf: gone");
}

TEST_CASE("as JSON each line is an object that gives the text back") {
  const auto* text = "say \"a\\b\"\n\x01 end";
  const auto lines = logged(LogLevel::error, LogFormat::json, text);
  REQUIRE(lines.size() == 1);
  const auto parsed = nlohmann::json::parse(lines[0]);
  CHECK(parsed["level"] == "error");
  CHECK(parsed["text"] == text);
  CHECK_FALSE(parsed["time"].get<std::string>().empty());
}
