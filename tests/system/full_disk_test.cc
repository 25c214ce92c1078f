// A filesystem without a free block: whoever appends is told, the agent goes on and drains it.

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include "sinks/embedded_broker.h"
#include "tests/support/catch.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/kcat.h"
#include "tests/support/log_corpus.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::seconds;

constexpr std::uint64_t kMib = 1024 * 1024;

void fill_and_drain(const std::string& folder, bool frees_at_once) {
  const TempDir outside("full-disk");
  const auto input = outside.file("input");
  write_lines(LogCorpus::committed(), 0, 20'000, input);
  const auto buffer = folder + "/buffer";
  auto append = punchline({"append", buffer});
  append.stdin_path = input;
  REQUIRE(run(append).exit.code == 0);
  fill_up(folder + "/filler", 0);
  const auto full = run(append);
  INFO(full.err);
  REQUIRE(full.exit.code == 74);
  CHECK_THAT(full.err, Contains("No space left on device"));

  auto broker = EmbeddedBroker::start();
  REQUIRE(broker.ok());
  REQUIRE((*broker)->create_topic("t", 1).ok());
  Agent agent({.buffer = buffer, .brokers = (*broker)->bootstrap(), .topic = "t"});
  REQUIRE(agent.drains());
  // XFS and btrfs are freed in large pieces, the rest a second later.
  CHECK(eventually(seconds(20), [&] { return inspect(buffer).data_bytes < 128 * 1024; }));
  const auto delivered = read_file(read_topic((*broker)->bootstrap(), "t", 1, outside.path())[0]);
  // The second append may have written some of its lines before it met the end.
  const auto text = read_file(input);
  CHECK(delivered.starts_with(text));
  CHECK(text.starts_with(delivered.substr(text.size())));
  CHECK(agent.metric("punchline_set_aside_records") == 0);
  if (frees_at_once) {
    CHECK(eventually(seconds(20), [&] {
      append.stdin_path = outside.file("more");
      write_file(append.stdin_path, "one more\n");
      return run(append).exit.code == 0;
    }));
    REQUIRE(agent.drains());
  }
  CHECK(agent.stop().code == 0);
}

// btrfs gives nothing of an extent back while any of it is in use.
void write_in_extents(const std::string& path, const std::string& text) {
  constexpr std::size_t kExtent = 256 * 1024;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  REQUIRE(file >= 0);
  for (std::size_t at = 0; at < text.size(); at += kExtent) {
    const auto piece = std::string_view(text).substr(at, kExtent);
    REQUIRE(::write(file, piece.data(), piece.size()) == static_cast<ssize_t>(piece.size()));
    REQUIRE(::fsync(file) == 0);
  }
  ::close(file);
}

// More than the filesystem has room for a second time.
void save_the_deleted(const std::string& folder, std::uint64_t left) {
  const auto buffer = folder + "/buffer";
  const std::string line(999, 'l');
  std::string lines;
  while (lines.size() < 8 * kMib)
    lines += line + "\n";
  write_in_extents(buffer, lines);
  Agent agent({.buffer = buffer, .brokers = "127.0.0.1:1", .topic = "t"});
  REQUIRE(agent.logs("fresh"));
  REQUIRE(eventually(seconds(20), [&] {
    return left > 0 || std::filesystem::exists(buffer + ".reserve");
  }));
  fill_up(folder + "/filler", left);
  std::filesystem::remove(buffer);
  CHECK(agent.stop().code == 0);
  INFO(agent.log());
  const auto saved = orphans_in(folder);
  REQUIRE(saved.size() == 1);
  CHECK((read_file(saved[0]) == lines));
}

struct Kind {
  const char* type;
  std::uint64_t bytes;
};

void on_each(std::initializer_list<Kind> kinds,
             const std::function<void(const Kind&, const std::string& folder)>& test) {
  FsMounts mounts;
  int tried = 0;
  for (const Kind& kind : kinds) {
    INFO(kind.type);
    const auto folder = mounts.mount(kind.type, kind.bytes);
    if (folder.empty()) {
      std::cerr << "left out: " << kind.type << ": " << mounts.why() << "\n";
      continue;
    }
    ++tried;
    test(kind, folder);
  }
  if (tried == 0) std::cerr << "no filesystem could be mounted: nothing tested\n";
}

constexpr Kind kExt4{"ext4", 64 * kMib};
constexpr Kind kXfs{"xfs", 320 * kMib};
constexpr Kind kBtrfs{"btrfs", 256 * kMib};
constexpr Kind kTmpfs{"tmpfs", 32 * kMib};

}  // namespace

TEST_CASE("a full filesystem is drained, and nothing that was appended is lost") {
  on_each({kExt4, kXfs, kBtrfs, kTmpfs}, [](const Kind& kind, const std::string& folder) {
    const bool frees_at_once = kind.type != kBtrfs.type;  // btrfs does with a later commit
    fill_and_drain(folder, frees_at_once);
  });
}

TEST_CASE("a deleted buffer is saved where there is hardly room for a second one") {
  on_each({kExt4, kXfs, kTmpfs},
          [](const Kind&, const std::string& folder) { save_the_deleted(folder, 3 * kMib); });
}

TEST_CASE("a deleted buffer is saved where its reserve is all the room that is left") {
  on_each({kXfs, kBtrfs},
          [](const Kind&, const std::string& folder) { save_the_deleted(folder, 0); });
}

}  // namespace punchline::testing
