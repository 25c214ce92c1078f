// AppendWriter in format frames, read back by the agent's own scanner.

#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "buffer/posix_append_file.h"
#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/frames.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using Catch::Matchers::Contains;
using punchline::testing::FramesSeen;
using punchline::testing::opened;
using punchline::testing::read_file;
using punchline::testing::SizeLimit;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

using Payloads = std::vector<std::string>;

struct Buffer {
  TempDir folder{"frames"};
  std::string path = folder.file("buffer");

  explicit Buffer(std::string_view text = {}) { write_file(path, text); }
  std::unique_ptr<AppendWriter> writer(Format format = Format::frames) const {
    auto writer = open_append_writer(path, format);
    if (!writer) FAIL(writer.error().message());
    return std::move(*writer);
  }
  FramesSeen read() const { return punchline::testing::read_frames(*opened(path)); }
};

FrameRecord record_of(std::string_view payload) {
  FrameRecord record;
  record.payload = payload;
  return record;
}

void append_one(AppendWriter& writer, std::string_view text) {
  const auto added =
      writer.format() == Format::lines ? writer.add(text) : writer.add(record_of(text));
  REQUIRE(added.ok());
}

/// "7 12 ....": of writer 7, number 12, of any length up to more than a batch.
std::string numbered(int writer, int number) {
  const auto filler = static_cast<std::size_t>(number % 100 == 99 ? 100'000 : number * 37 % 900);
  return std::to_string(writer) + " " + std::to_string(number) + " " +
         std::string(filler, static_cast<char>(number % 7));
}

constexpr int kRecordsEach = 1'000;

/// The exit code of a process that did only this.
int append_all(const std::string& path, int number) {
  auto writer = open_append_writer(path, Format::frames);
  if (!writer) return 1;
  for (int i = 0; i < kRecordsEach; ++i) {
    const auto payload = numbered(number, i);
    auto record = record_of(payload);
    record.key = "k";
    if (!(*writer)->add(record)) return 2;
    if (i % 5 == 0 && !(*writer)->flush()) return 3;
  }
  return (*writer)->flush().ok() ? 0 : 4;
}

}  // namespace

TEST_CASE("frames of many threads and processes are all sound and in their order", "[P4][K4]") {
  const Buffer buffer;
  constexpr int kProcesses = 3;
  constexpr int kThreads = 4;
  std::vector<pid_t> children;
  for (int number = 0; number < kProcesses; ++number) {
    children.push_back(::fork());
    if (children.back() == 0) ::_exit(append_all(buffer.path, number));
  }
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int number = kProcesses; number < kProcesses + kThreads; ++number)
    threads.emplace_back([&, number] { failures += append_all(buffer.path, number); });
  for (auto& thread : threads)
    thread.join();
  for (const auto child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  CHECK(failures == 0);
  const auto seen = buffer.read();
  CHECK(seen.set_aside() == 0);
  CHECK(seen.end == read_file(buffer.path).size());
  std::map<int, int> next;  // by writer
  std::size_t wrong = 0;
  for (const auto& payload : seen.payloads()) {
    const auto writer = std::stoi(payload);
    wrong += payload == numbered(writer, next[writer]) ? 0 : 1;
    ++next[writer];
  }
  CHECK(wrong == 0);
  CHECK(seen.records.size() == (kProcesses + kThreads) * kRecordsEach);
}

TEST_CASE("wherever a write of frames is cut short, nothing is torn, lost or doubled", "[P4]") {
  const Payloads all{"first", std::string("\0\n", 2), "the third"};
  const std::size_t whole = 3 * kFrameOverheadBytes + 5 + 2 + 9;
  for (rlim_t cut = 0; cut <= whole; ++cut) {
    INFO("cut behind " << cut << " bytes");
    const Buffer buffer;
    auto writer = buffer.writer();
    append_one(*writer, "before");
    REQUIRE(writer->flush().ok());
    for (const auto& payload : all)
      append_one(*writer, payload);
    SizeLimit limit;
    limit.set(kFrameOverheadBytes + 6 + cut);
    const bool fitted = writer->flush().ok();
    CHECK(fitted == (cut == whole));
    auto seen = buffer.read();
    CHECK(seen.records.size() == writer->records_written());
    CHECK(seen.set_aside() == 0);
    CHECK(seen.unfinished_bytes == 0);
    limit.set(RLIM_INFINITY);
    REQUIRE(writer->flush().ok());
    seen = buffer.read();
    CHECK(seen.payloads() == Payloads{"before", all[0], all[1], all[2]});
    CHECK(seen.set_aside() == 0);
  }
}

TEST_CASE("a buffer in the other format is refused", "[P5]") {
  const auto wanted = GENERATE(Format::lines, Format::frames);
  const auto other = wanted == Format::lines ? Format::frames : Format::lines;
  const Buffer buffer;
  auto writer = buffer.writer(other);
  append_one(*writer, "one");
  REQUIRE(writer->flush().ok());
  const auto refused = open_append_writer(buffer.path, wanted);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind() == ErrorKind::refused);
  CHECK_THAT(refused.error().message(), Contains(std::string("in format ") + name_of(other)));
}

TEST_CASE("an empty buffer takes the format of whoever writes first, however long ago it opened") {
  const auto first = GENERATE(Format::lines, Format::frames);
  const Buffer buffer;
  auto late = buffer.writer(first == Format::lines ? Format::frames : Format::lines);
  auto writer = buffer.writer(first);
  append_one(*late, "late");
  append_one(*writer, "one");
  REQUIRE(writer->flush().ok());
  const auto before = read_file(buffer.path);
  const auto refused = late->flush();
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().kind() == ErrorKind::refused);
  CHECK(late->records_waiting() == 1);
  CHECK(read_file(buffer.path) == before);
  append_one(*writer, "two");
  CHECK(writer->flush().ok());
}

TEST_CASE("of two formats that race for a new buffer one wins, and it alone is in it", "[P5]") {
  for (int round = 0; round < 300; ++round) {
    const Buffer buffer;
    std::atomic<int> ready = 0;
    std::atomic<int> refused = 0;
    const auto race = [&](AppendWriter& writer) {
      ++ready;
      while (ready < 2) {
      }
      const auto flushed = writer.flush();
      if (!flushed && flushed.error().kind() == ErrorKind::refused) ++refused;
    };
    auto lines = buffer.writer(Format::lines);
    auto frames = buffer.writer(Format::frames);
    append_one(*lines, "text");
    append_one(*frames, "payload");
    std::thread other([&] { race(*lines); });
    race(*frames);
    other.join();
    CHECK(refused == 1);
    CHECK(lines->records_written() + frames->records_written() == 1);
    if (lines->records_written() == 1) CHECK(read_file(buffer.path) == "\ntext\n");
    if (frames->records_written() == 1) CHECK(buffer.read().payloads() == Payloads{"payload"});
  }
}

TEST_CASE("no limit lets a frame grow beyond what a frame can be") {
  const Buffer buffer;
  const std::string limits = "record_bytes_max=99999999999";
  REQUIRE(opened(buffer.path)->set_attribute(kLimitsAttribute, limits).ok());
  CHECK(buffer.writer()->record_bytes_max() == 64U << 20U);
  auto writer = buffer.writer();
  const std::string largest(64U << 20U, 'x');
  append_one(*writer, largest);
  REQUIRE(writer->flush().ok());
  const auto seen = punchline::testing::read_frames(*opened(buffer.path), {64U << 20U, {}});
  REQUIRE(seen.records.size() == 1);
  CHECK(seen.records.front().payload == largest);
}
