// append --format frames, and what inspect says of it; read back by the agent's own scanner.

#include "tests/support/frames.h"

#include <chrono>
#include <filesystem>
#include <map>

#include <fcntl.h>
#include <signal.h>
#include <sys/xattr.h>

#include "buffer/posix_file.h"
#include "buffer/state.h"
#include "tests/support/catch.h"
#include "tests/support/program.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;
using std::chrono::milliseconds;
using std::chrono::seconds;

using Payloads = std::vector<std::string>;
const std::vector<std::string> kFrames{"--format", "frames"};

struct Appending {
  TempDir folder{"frames"};
  std::string buffer = folder.file("buffer");

  Command from_file(const std::string& name, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"append", buffer};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto append = punchline(arguments);
    append.stdin_path = folder.file(name);
    return append;
  }
  Finished append(std::string_view text, const std::vector<std::string>& more = kFrames) const {
    write_file(folder.file("input"), text);
    return run(from_file("input", more));
  }
  FramesSeen read() const {
    auto file = PosixFile::open(buffer);
    if (!file) throw std::runtime_error(file.error().message());
    return read_frames(**file);
  }
};

}  // namespace

TEST_CASE("each line becomes a frame, whatever it holds, with key, headers and the time") {
  const Appending it;
  const std::string input("one\n\nNUL\0x\r\nlast", 16);
  const auto now_ms = [] {
    return std::chrono::duration_cast<milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  };
  const auto before = now_ms();
  const auto done = it.append(input, {"--format", "frames", "--key", "user-7", "--header", "a=b=c",
                                      "--header", "empty=", "--sync"});
  CHECK(done.exit.code == 0);
  CHECK(done.err.empty());
  const auto seen = it.read();
  CHECK(seen.payloads() == Payloads{"one", "", std::string("NUL\0x\r", 6), "last"});
  CHECK(seen.set_aside() == 0);
  for (const auto& record : seen.records) {
    CHECK(record.key == "user-7");
    REQUIRE(record.headers.size() == 2);
    CHECK(record.headers[0] == std::pair{std::string("a"), std::optional<std::string>("b=c")});
    CHECK(record.headers[1] == std::pair{std::string("empty"), std::optional<std::string>("")});
    CHECK(record.timestamp_ms >= before);
    CHECK(record.timestamp_ms <= now_ms());
  }
  const auto view = inspect(it.buffer);
  CHECK_THAT(view.text, Contains("\"format\": \"frames\""));
  CHECK(view.waiting_records == 4);
  CHECK(view.set_aside == 0);
}

TEST_CASE("without --key there is no key, with an empty one there is") {
  const Appending it;
  CHECK(it.append("one\n").exit.code == 0);
  CHECK(it.append("two\n", {"--format", "frames", "--key", ""}).exit.code == 0);
  const auto seen = it.read();
  REQUIRE(seen.records.size() == 2);
  CHECK_FALSE(seen.records[0].key.has_value());
  CHECK(seen.records[1].key == "");
}

TEST_CASE("a record over the limit, key and headers counted, is refused with its number") {
  const Appending it;
  write_file(it.buffer, "");
  const std::string limits = "record_bytes_max=16";
  REQUIRE(::setxattr(it.buffer.c_str(), "user.punchline.limits", limits.data(), limits.size(), 0) ==
          0);
  const auto done = it.append("four\nfive5\n" + std::string(3'000'000, 'x') + "\nlast",
                              {"--format", "frames", "--key", "key", "--header", "h=vv"});
  CHECK(done.exit.code == 65);  // 3 + 9 and 4 are 16
  CHECK(it.read().payloads() == Payloads{"four", "last"});
  CHECK_THAT(done.err,
             Contains("line 2 refused: 5 bytes, the limit, with key and headers, is 16") &&
                 Contains("line 3 refused: 3000000 bytes") && Contains("2 lines refused"));
}

TEST_CASE("whoever comes with the other format is refused and changes nothing") {
  const bool lines_first = GENERATE(true, false);
  const Appending it;
  const std::vector<std::string> lines;
  CHECK(it.append("one\n", lines_first ? lines : kFrames).exit.code == 0);
  const auto before = read_file(it.buffer);
  const auto refused = it.append("two\n", lines_first ? kFrames : lines);
  CHECK(refused.exit.code == 78);
  CHECK_THAT(refused.err, Contains(lines_first ? "in format lines" : "in format frames"));
  CHECK(read_file(it.buffer) == before);
}

TEST_CASE("of two that wait at a new buffer the second to write is refused") {
  const Appending it;
  auto waiting = it.from_file("input", {});
  waiting.stdin_path.clear();
  Process lines(waiting);
  REQUIRE(eventually(seconds(20), [&] { return std::filesystem::exists(it.buffer); }));
  CHECK(it.append("frame\n").exit.code == 0);
  lines.send("a line\n");
  CHECK(lines.finish(seconds(20)).code == 78);
  CHECK(it.read().payloads() == Payloads{"frame"});
}

TEST_CASE("format lines has no place for a key or headers") {
  const Appending it;
  CHECK(it.append("one\n", {"--key", "k"}).exit.code == 64);
  CHECK(it.append("one\n", {"--header", "a=b"}).exit.code == 64);
  CHECK_FALSE(std::filesystem::exists(it.buffer));
}

TEST_CASE("a copy of a buffer that was partly freed, damaged besides, is read but for the damage") {
  const bool with_attributes = GENERATE(true, false);
  const Appending it;
  std::string text;
  for (int i = 0; i < 1'000; ++i)
    text += std::to_string(i) + "\n";
  REQUIRE(it.append(text).exit.code == 0);
  auto original = PosixFile::open(it.buffer);
  REQUIRE(original.ok());
  REQUIRE((*original)->open_for_writing().ok());
  if (with_attributes) {
    State state;
    state.format = Format::frames;
    const auto facts = (*original)->facts();
    state.identity = fold_identity(facts->inode, facts->birth_ns);
    REQUIRE((*original)->set_attribute(kStateAttribute, encode(state)).ok());
  }
  const auto last = inspect(it.buffer).waiting_records;
  REQUIRE(last == 1'000);
  REQUIRE((*original)->punch({0, 8'192}).ok());
  REQUIRE((*original)->descriptor().reopen(O_WRONLY)->write_at(20'000, std::string("damage")).ok());
  const auto expected = inspect(it.buffer);
  CHECK(expected.set_aside == 2);
  const Appending copy;
  const std::vector<std::string> cp{"cp", "--sparse=always", with_attributes ? "-a" : "-f",
                                    it.buffer, copy.buffer};
  REQUIRE(run({.argv = cp}).exit.code == 0);
  const auto found = inspect(copy.buffer);
  CHECK(found.waiting_records == expected.waiting_records);
  CHECK(found.set_aside == 2);
}

TEST_CASE("kill -9 of writers in mid-write costs the record they were at, and nobody else's") {
  const Appending it;
  auto random = seeded_random();
  constexpr int kKills = 15;
  constexpr int kEach = 40;
  // "3 17 xxxx": of writer 3, number 17; every third so long that its write can be met.
  const auto payload = [](int writer, int number) {
    return std::to_string(writer) + " " + std::to_string(number) + " " +
           std::string(static_cast<std::size_t>(number % 3 == 0 ? 900'000 : 30), 'x');
  };
  const auto appending = [&](int writer) {
    std::string text;
    for (int number = 0; number < kEach; ++number)
      text += payload(writer, number) + "\n";
    const auto name = "input" + std::to_string(writer % 2);
    write_file(it.folder.file(name), text);
    return it.from_file(name, kFrames);
  };
  write_file(it.buffer, "");
  for (int kill = 0; kill < kKills; ++kill) {
    const auto enough = std::filesystem::file_size(it.buffer) + between(random, 1, 15'000'000);
    Process spared(appending(2 * kill));
    Process killed(appending(2 * kill + 1));
    REQUIRE(eventually(seconds(20), [&] {
      return !killed.running() || std::filesystem::file_size(it.buffer) >= enough;
    }));
    killed.kill9();
    CHECK(spared.finish(seconds(60)).code == 0);
  }
  const auto seen = it.read();
  std::map<int, int> next;
  std::size_t wrong = 0;
  for (const auto& record : seen.records) {
    const auto writer = std::stoi(record.payload);
    wrong += record.payload == payload(writer, next[writer]) ? 0 : 1;
    ++next[writer];
  }
  CHECK(wrong == 0);
  for (int kill = 0; kill < kKills; ++kill)
    CHECK(next[2 * kill] == kEach);
  CHECK(seen.set_aside() + (seen.unfinished_bytes > 0 ? 1 : 0) <= kKills);
  WARN(seen.set_aside() << " torn by " << kKills << " kills, " << seen.records.size() << " whole");
}

}  // namespace punchline::testing
