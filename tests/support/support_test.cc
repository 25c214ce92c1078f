#include <filesystem>
#include <fstream>

#include <signal.h>
#include <unistd.h>

#include "tests/support/account.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/producer.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

// Three lines of one producer, 100 bytes apart, and what a reader is said to have got.
Account settle_three(const TempDir& folder, const std::vector<std::string>& partitions) {
  const LogCorpus corpus({"alpha", "beta", "gamma"});
  std::vector<fs::path> files;
  for (const auto& text : partitions) {
    files.push_back(folder.file(std::to_string(files.size())));
    write_file(files.back(), text);
  }
  const std::vector<std::vector<std::uint64_t>> offsets = {{0, 100, 200}};
  return settle(corpus, offsets, files);
}

const std::string kAlpha = "P00-0000000000 alpha\n";
const std::string kBeta = "P00-0000000001 beta\n";
const std::string kGamma = "P00-0000000002 gamma\n";

TEST_CASE("the account finds each kind of fault") {
  const TempDir folder("account");
  SECTION("all there, in two partitions") {
    const auto account = settle_three(folder, {kAlpha + kGamma, kBeta});
    CHECK(account.sound());
    CHECK(account.duplicates == 0);
    CHECK(account.arrivals == 3);
  }
  SECTION("a duplicate is no disorder") {
    const auto account = settle_three(folder, {kAlpha + kBeta + kAlpha + kBeta + kGamma});
    CHECK(account.sound());
    CHECK(account.duplicates == 2);
  }
  SECTION("lost") {
    CHECK(settle_three(folder, {kAlpha + kGamma}).lost == 1);
  }
  SECTION("first arrivals out of order") {
    const auto account = settle_three(folder, {kBeta + kAlpha + kGamma});
    CHECK(account.disordered == 1);
    CHECK(account.lost == 0);
  }
  SECTION("invented: other text, a piece, a number never appended") {
    for (const char* line : {"P00-0000000001 beta!\n", "eta\n", "\n", "P00-0000000003 alpha\n",
                             "P01-0000000000 alpha\n", "P00-0000000001beta\n"}) {
      CAPTURE(line);
      const auto account = settle_three(folder, {kAlpha + kBeta + kGamma + line});
      CHECK(account.invented == 1);
      CHECK(!account.sound());
    }
  }
}

TEST_CASE("lines of the corpus can be told apart and made again") {
  const auto corpus = LogCorpus::committed();
  REQUIRE(corpus.size() > 100);
  for (const LineId id : {LineId{0, 0}, LineId{1, 5}, LineId{99, 9'999'999'999}}) {
    const auto line = corpus.line(id);
    CHECK(LogCorpus::parse(line) == id);
    CHECK(corpus.holds(id, line));
    CHECK(!corpus.holds(id, line + "x"));
    CHECK(!corpus.holds({id.producer, id.number + 1}, line));
  }
}

TEST_CASE("two producers know where each of their lines stands") {
  const TempDir folder("producers");
  const auto corpus = LogCorpus::committed();
  const auto path = folder.file("buffer");
  std::vector<std::vector<std::uint64_t>> offsets;
  {
    Producer one(corpus, 0, path, {.lines = 5000});
    Producer two(corpus, 1, path, {.lines = 5000});
    offsets = {one.join(), two.join()};
  }
  const auto text = read_file(path);
  bool right = offsets[0].size() == 5000 && offsets[1].size() == 5000;
  for (std::uint32_t p = 0; p < 2; ++p) {
    for (std::uint64_t n = 0; n < offsets[p].size(); ++n) {
      const auto line = corpus.line({p, n}) + "\n";
      right = right && text.compare(offsets[p][n], line.size(), line) == 0;
    }
  }
  CHECK(right);
  const std::vector<fs::path> partitions = {path};
  CHECK(settle(corpus, offsets, partitions).sound());
}

TEST_CASE("a process gives its words, its end and its costs") {
  const auto result = run({.argv = {"sh", "-c", "echo out; echo \"$X\" >&2; exit 7"},
                           .environment = {"X=from the environment"}});
  CHECK(result.exit.code == 7);
  CHECK(result.out == "out\n");
  CHECK(result.err == "from the environment\n");
  CHECK(result.exit.rss_bytes_max > 0);

  Process sleeper({.argv = {"sleep", "1000"}});
  CHECK(sleeper.running());
  CHECK(sleeper.kill9().signal == SIGKILL);
  CHECK(!sleeper.running());

  Process reader({.argv = {"cat"}, .stdin_path = ""});
  reader.send("hello");
  reader.close_input();
  CHECK(reader.finish(seconds(10)).code == 0);
  CHECK(reader.out() == "hello");

  CHECK(run({.argv = {"no such program"}}).exit.code == 127);
}

TEST_CASE("a folder is removed, also when its test is killed") {
  fs::path path;
  {
    const TempDir folder("gone");
    path = folder.path();
    CHECK(fs::exists(path));
  }
  CHECK(!fs::exists(path));

  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t test = fork();
  if (test == 0) {
    const TempDir folder("killed");
    const auto text = folder.path().string();
    if (write(ends[1], text.data(), text.size()) < 0) _exit(1);
    pause();
  }
  std::string text(4096, '\0');
  text.resize(static_cast<std::size_t>(read(ends[0], text.data(), text.size())));
  close(ends[0]);
  close(ends[1]);
  CHECK(fs::exists(text));
  kill(test, SIGKILL);
  CHECK(eventually(seconds(10), [&] { return !fs::exists(text); }));
}

}  // namespace
}  // namespace punchline::testing
