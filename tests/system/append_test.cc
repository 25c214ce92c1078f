#include <algorithm>
#include <filesystem>
#include <memory>
#include <sstream>

#include <signal.h>
#include <sys/xattr.h>

#include "tests/support/catch.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

/// One buffer that does not exist yet, and the command that fills it.
struct Appending {
  TempDir folder{"append"};
  std::string buffer = folder.file("buffer");

  Command command(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{"append", buffer};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return punchline(arguments);
  }
  Command from(std::string_view text) const {
    write_file(folder.file("input"), text);
    auto append = command();
    append.stdin_path = folder.file("input");
    return append;
  }
  /// Run by a shell: `script` ends in "$@".
  static Command under(const std::string& script, Command append) {
    append.argv.insert(append.argv.begin(), {"sh", "-c", script, "sh"});
    return append;
  }
  std::vector<std::string> records() const {
    std::vector<std::string> found;
    std::istringstream lines(read_file(buffer));
    for (std::string line; std::getline(lines, line);) {
      if (line.find_first_not_of('\0') != std::string::npos) found.push_back(line);
    }
    return found;
  }
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("append creates the buffer and ends each record, the last included") {
  const Appending it;
  const auto done = run(it.from("one\ntwo\r\nlast"));
  CHECK(done.exit.code == 0);
  CHECK(read_file(it.buffer) == "\none\ntwo\r\nlast\n");
  CHECK(done.err.empty());
  CHECK(done.out.empty());
}

TEST_CASE("records are there before the input ends") {
  const Appending it;
  auto append = it.command();
  append.stdin_path.clear();
  Process process(append);
  process.send("one\ntwo\nhal");
  REQUIRE(eventually(seconds(20), [&] {
    return std::filesystem::exists(it.buffer) && it.records() == Lines{"one", "two"};
  }));
  process.send("f\n");
  REQUIRE(eventually(seconds(20), [&] { return it.records() == Lines{"one", "two", "half"}; }));
  process.close_input();
  CHECK(process.finish(seconds(20)).code == 0);
}

TEST_CASE("a buffer that is deleted under it ends it, and what was not appended is said") {
  for (const bool replaced : {false, true}) {
    const Appending it;
    auto append = it.command({"--sync"});
    append.stdin_path.clear();
    Process process(append);
    process.send("one\n");
    REQUIRE(eventually(seconds(20), [&] {
      return std::filesystem::exists(it.buffer) && it.records() == Lines{"one"};
    }));
    std::filesystem::remove(it.buffer);
    if (replaced) write_file(it.buffer, "");
    process.send("two\nthree\n");
    CHECK(process.finish(seconds(20)).code == 74);
    CHECK_THAT(process.err(),
               Contains("deleted or renamed") &&
                   Contains("1 record appended; line 2 and what follows it were not"));
    if (replaced) CHECK(read_file(it.buffer).empty());
  }
}

TEST_CASE("a signal ends it between records, and half a line is not appended") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const Appending it;
    auto append = it.command();
    append.stdin_path.clear();
    Process process(append);
    process.send("one\nhal");
    REQUIRE(eventually(seconds(20), [&] {
      return std::filesystem::exists(it.buffer) && it.records() == Lines{"one"};
    }));
    process.signal(signal);
    CHECK(process.finish(seconds(20)).code == 75);
    CHECK(read_file(it.buffer) == "\none\n");
    CHECK_THAT(process.err(), Contains("interrupted; 1 record appended"));
  }
}

TEST_CASE("lines that no reader would take for records are left out and counted") {
  const Appending it;
  const auto done = run(it.from(std::string("\none\n\0\0\n\ntwo\n", 13)));
  CHECK(done.exit.code == 0);
  CHECK(it.records() == Lines{"one", "two"});
  CHECK_THAT(done.err, Contains("3 lines left out"));
}

TEST_CASE("NUL inside a record is accepted with one warning, a gap's worth of it refused") {
  const Appending it;
  const std::string with_nul("a\0b", 3);
  const auto gap = std::string(5'000, '\0') + "c";
  const auto done = run(it.from("one\n" + with_nul + "\n" + with_nul + "\n" + gap + "\nlast\n"));
  CHECK(done.exit.code == 65);
  CHECK(it.records() == Lines{"one", with_nul, with_nul, "last"});
  CHECK_THAT(done.err, Contains("line 2 holds NUL") && Contains("line 4 refused: 5001 bytes"));
  CHECK(done.err.find("line 3") == std::string::npos);
}

TEST_CASE("a record over the limit is refused with its number, the others go on") {
  const Appending it;
  write_file(it.buffer, "");
  const std::string limits = "record_bytes_max=4";
  REQUIRE(::setxattr(it.buffer.c_str(), "user.punchline.limits", limits.data(), limits.size(), 0) ==
          0);
  const auto done = run(it.from("four\nfive5\nsix\n" + std::string(3'000'000, 'x') + "\nlast\n"));
  CHECK(done.exit.code == 65);
  CHECK(it.records() == Lines{"four", "six", "last"});
  CHECK_THAT(done.err, Contains("line 2 refused: 5 bytes, the limit is 4") &&
                           Contains("line 4 refused: 3000000 bytes") &&
                           Contains("2 lines refused"));
}

TEST_CASE("where no more can be written it says which line is the first that is missing") {
  const Appending it;
  std::string text;
  for (int i = 1; i <= 1'000; ++i) {
    text += std::to_string(i) + std::string(96, '.') + "\n";
  }
  const auto done = run(Appending::under("ulimit -f 8; exec \"$@\"", it.from(text)));
  CHECK(done.exit.code == 74);
  const auto found = it.records();
  REQUIRE_FALSE(found.empty());
  CHECK(read_file(it.buffer).back() == '\n');
  for (std::size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i] == std::to_string(i + 1) + std::string(96, '.'));
  }
  CHECK_THAT(done.err, Contains(std::to_string(found.size()) + " records appended; line " +
                                std::to_string(found.size() + 1) + " and what follows"));
}

TEST_CASE("input that cannot be read is an I/O error, not an empty input") {
  const Appending it;
  run(it.from("one\n"));
  const auto before = read_file(it.buffer);
  const auto closed = run(Appending::under("exec \"$@\" <&-", it.command()));
  CHECK(closed.exit.code == 74);
  const auto folder = run(Appending::under("exec \"$@\" </", it.command()));
  CHECK(folder.exit.code == 74);
  CHECK_THAT(folder.err, Contains("standard input"));
  CHECK(read_file(it.buffer) == before);
}

TEST_CASE("with --sync the records are durable when it ends") {
  const Appending it;
  auto append = it.from("one\n");
  const auto trace = it.folder.file("trace");
  // LSan aborts under ptrace(2).
  const std::string strace =
      "exec strace -E ASAN_OPTIONS=detect_leaks=0 -f -e trace=fdatasync,write -o '" + trace +
      "' \"$@\"";
  CHECK(run(Appending::under(strace, append)).exit.code == 0);
  CHECK(read_file(trace).find("fdatasync(") == std::string::npos);
  append.argv.push_back("--sync");
  CHECK(run(Appending::under(strace, append)).exit.code == 0);
  const auto calls = read_file(trace);
  CHECK(calls.find("one") < calls.find("fdatasync("));
  CHECK(calls.find("fdatasync(") != std::string::npos);
}

TEST_CASE("two at once append every record whole") {
  const Appending it;
  Lines expected;
  std::vector<std::unique_ptr<Process>> both;
  for (const char* name : {"a", "b"}) {
    std::string text;
    for (int i = 0; i < 50'000; ++i) {
      expected.push_back(name + std::to_string(i));
      text += expected.back() + "\n";
    }
    write_file(it.folder.file(name), text);
    auto append = it.command();
    append.stdin_path = it.folder.file(name);
    both.push_back(std::make_unique<Process>(append));
  }
  for (auto& process : both) {
    CHECK(process->finish(seconds(60)).code == 0);
  }
  auto found = it.records();
  std::sort(found.begin(), found.end());
  std::sort(expected.begin(), expected.end());
  CHECK(found == expected);
}

}  // namespace punchline::testing
