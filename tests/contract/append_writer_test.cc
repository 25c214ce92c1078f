#include "buffer/posix_append_file.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer/collapse.h"
#include "buffer/lock.h"
#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/shared_lock.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using Catch::Matchers::Contains;
using punchline::testing::opened;
using punchline::testing::read_file;
using punchline::testing::SharedLock;
using punchline::testing::SizeLimit;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

std::unique_ptr<AppendWriter> writer_of(const std::string& path) {
  auto writer = open_append_writer(path, Format::lines);
  if (!writer) FAIL(writer.error().message());
  return std::move(*writer);
}

/// The lines of a text, without those that are nothing (empty, or only NULs).
std::vector<std::string> records_in(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of('\0') != std::string::npos) found.push_back(line);
  }
  return found;
}

}  // namespace

TEST_CASE("a batch is one write that begins with a newline", "[P2]") {
  TempDir folder("append");
  write_file(folder.file("buffer"), "torn");
  auto writer = writer_of(folder.file("buffer"));
  REQUIRE(writer->add("one").ok());
  REQUIRE(writer->add("two").ok());
  CHECK(read_file(folder.file("buffer")) == "torn");
  CHECK(writer->records_waiting() == 2);
  REQUIRE(writer->flush().ok());
  REQUIRE(writer->sync().ok());
  CHECK(read_file(folder.file("buffer")) == "torn\none\ntwo\n");
  CHECK(writer->last_write() == OffsetRange{4, 13});
  CHECK(writer->records_written() == 2);
  CHECK(writer->records_waiting() == 0);
  REQUIRE(writer->flush().ok());
  CHECK(read_file(folder.file("buffer")) == "torn\none\ntwo\n");
}

TEST_CASE("a full batch is written before the next record is taken") {
  TempDir folder("append");
  write_file(folder.file("buffer"), "");
  auto writer = writer_of(folder.file("buffer"));
  const std::string record(30'000, 'r');
  const std::string large(200'000, 'l');
  REQUIRE(writer->add(record).ok());
  REQUIRE(writer->add(record).ok());
  CHECK(writer->records_written() == 0);
  REQUIRE(writer->add(large).ok());
  CHECK(writer->records_written() == 2);
  REQUIRE(writer->flush().ok());
  CHECK(read_file(folder.file("buffer")) ==
        "\n" + record + "\n" + record + "\n" + "\n" + large + "\n");
}

TEST_CASE("each writer knows where its bytes landed, whatever the others do", "[K4]") {
  TempDir folder("append");
  const auto path = folder.file("buffer");
  write_file(path, "");
  struct Landed {
    OffsetRange at;
    std::string text;
  };
  constexpr int kWriters = 4;
  std::vector<std::vector<Landed>> landed(kWriters);
  std::atomic<int> failures = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < kWriters; ++number) {
    threads.emplace_back([&, number] {
      auto writer = open_append_writer(path, Format::lines);
      for (int i = 0; writer && i < 2'000; ++i) {
        const auto record = std::string(static_cast<std::size_t>(1 + (i * 37) % 900),
                                        static_cast<char>('a' + number)) +
                            std::to_string(i);
        if (!(*writer)->add(record) || !(*writer)->flush()) ++failures;
        landed[static_cast<std::size_t>(number)].push_back(
            {(*writer)->last_write(), "\n" + record + "\n"});
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  CHECK(failures == 0);
  const auto text = read_file(path);
  std::size_t wrong = 0;
  std::size_t writes = 0;
  for (const auto& one : landed) {
    for (const auto& write : one) {
      ++writes;
      wrong += text.substr(write.at.begin.value(), write.at.size()) == write.text ? 0 : 1;
    }
  }
  CHECK(writes == 8'000);
  CHECK(wrong == 0);
}

TEST_CASE("a short write keeps whole records and takes back the torn one", "[P2]") {
  TempDir folder("append");
  const auto path = folder.file("buffer");
  write_file(path, "before\n");
  auto writer = writer_of(path);
  for (const char* record : {"first", "second", "third"}) {
    REQUIRE(writer->add(record).ok());
  }
  SizeLimit limit;
  limit.set(7 + 1 + 6 + 3);  // "before\n" "\n" "first\n" "sec"
  const auto flushed = writer->flush();
  CHECK_FALSE(flushed.ok());
  CHECK(writer->records_written() == 1);
  CHECK(writer->records_waiting() == 2);
  CHECK(read_file(path) == std::string("before\n\nfirst\n\0\0\n", 17));
  limit.set(RLIM_INFINITY);
  REQUIRE(writer->flush().ok());
  CHECK(read_file(path) == std::string("before\n\nfirst\n\0\0\n\nsecond\nthird\n", 31));
}

TEST_CASE("what is torn is not taken back where a collapse may move it, and that is said", "[P3]") {
  const TempDir folder("append-torn-locked");
  const auto path = folder.file("buffer");
  write_file(path, "before\n");
  const auto writer = writer_of(path);
  writer->set_patience(std::chrono::milliseconds(20));
  REQUIRE(writer->add("first").ok());
  SizeLimit limit;
  {
    const auto file = opened(path);
    const auto collapse = LockFile::open(*file, LockFile::path_for(path));
    REQUIRE(collapse.ok());
    SECTION("a collapse under way") {
      REQUIRE(collapse->try_lock(LockFile::Byte::offsets).ok());
    }
    SECTION("an agent that has another lock file, and so could begin a collapse") {
      const LockHolder agent{"h", 1, "T", "b", "1:2:3", "t"};
      REQUIRE(file->set_attribute(kHolderAttribute, encode(agent)).ok());
    }
    SECTION("an agent of before, which locks the buffer itself") {
      REQUIRE(file->set_attribute(kHolderAttribute, "host=h pid=1 since=T").ok());
    }
    SECTION("an interrupted collapse that no lock file keeps away") {
      const LockHolder agent{"h", 1, "T", "b", std::string(kNoLockFile), "t"};
      REQUIRE(file->set_attribute(kHolderAttribute, encode(agent)).ok());
      REQUIRE(file->set_attribute(kIntentAttribute, "x").ok());
    }
    limit.set(7 + 1 + 3);  // not before a section, of which a file may hear
    const auto flushed = writer->flush();
    REQUIRE_FALSE(flushed.ok());
    CHECK(flushed.error().kind() == ErrorKind::busy);
    CHECK_THAT(flushed.error().message(), Contains("3 bytes remain at offset 8 of " + path));
    CHECK(read_file(path) == "before\n\nfir");
  }
  limit.set(RLIM_INFINITY);
  REQUIRE(writer->flush().ok());
  CHECK(read_file(path) == "before\n\nfir\nfirst\n");
}

TEST_CASE("what is torn is taken back beside an agent whose lock file it is, or that has none",
          "[P3]") {
  const TempDir folder("append-torn-agent");
  const auto path = folder.file("buffer");
  write_file(path, "before\n");
  const auto file = opened(path);
  const bool has_lock_file = GENERATE(true, false);
  auto agent = LockRequest(LockFile::path_for(path)).wait(*file);
  REQUIRE(agent.ok());
  if (!has_lock_file) {
    const LockHolder other{"h", 1, "T", "b", std::string(kNoLockFile), "t"};
    REQUIRE(file->set_attribute(kHolderAttribute, encode(other)).ok());
  }
  const auto writer = writer_of(path);
  REQUIRE(writer->add("first").ok());
  SizeLimit limit;
  limit.set(7 + 1 + 3);
  CHECK(writer->flush().error().kind() == ErrorKind::no_space);
  CHECK(read_file(path) == std::string("before\n\n\0\0\n", 11));
}

TEST_CASE("wherever a write is cut short, no piece of a record remains", "[P2]") {
  TempDir folder("append");
  const std::vector<std::string> all{"alpha", "b", "gamma delta"};
  for (rlim_t cut = 0; cut <= 22; ++cut) {
    INFO("cut behind " << cut << " bytes");
    const auto path = folder.file("buffer" + std::to_string(cut));
    write_file(path, "x\n");
    auto writer = writer_of(path);
    for (const auto& record : all) {
      REQUIRE(writer->add(record).ok());
    }
    SizeLimit limit;
    limit.set(2 + cut);
    const bool fitted = writer->flush().ok();
    const auto text = read_file(path);
    const auto found = records_in(text);
    CHECK(text.back() == '\n');
    CHECK(found.size() == 1 + writer->records_written());
    for (std::size_t i = 1; i < found.size(); ++i) {
      CHECK(found[i] == all[i - 1]);
    }
    CHECK(fitted == (writer->records_waiting() == 0));
  }
}

TEST_CASE("taking back leaves alone what others have appended meanwhile", "[P2]") {
  TempDir folder("append");
  const auto path = folder.file("buffer");
  write_file(path, "");
  int stop[2];
  int going[2];
  REQUIRE(::pipe(stop) == 0);
  REQUIRE(::pipe(going) == 0);
  const pid_t child = ::fork();  // a producer without our limit and without our leading newline
  if (child == 0) {
    ::close(stop[1]);
    ::fcntl(stop[0], F_SETFL, O_NONBLOCK);
    const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND);
    char none = 0;
    for (int i = 0; ::read(stop[0], &none, 1) != 0; ++i) {
      const auto line = "foreign " + std::to_string(i) + " end\n";
      if (::write(fd, line.data(), line.size()) < 0) ::_exit(1);
      if (i == 0 && ::write(going[1], "", 1) < 0) ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(stop[0]);
  char none = 0;
  REQUIRE(::read(going[0], &none, 1) == 1);
  auto writer = writer_of(path);
  SizeLimit limit;
  int torn = 0;
  for (int i = 0; i < 20'000 && torn < 200; ++i) {
    if (writer->records_waiting() == 0) {
      REQUIRE(writer->add("ours " + std::to_string(i) + std::string(100, '.')).ok());
    }
    limit.set((*writer->file().facts()).size + 60);
    const auto before = writer->last_write();
    torn += !writer->flush().ok() && writer->last_write() != before ? 1 : 0;
  }
  limit.set(RLIM_INFINITY);
  ::close(stop[1]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(torn > 0);
  int foreign = 0;
  for (const auto& record : records_in(read_file(path))) {
    if (record.find("foreign") == std::string::npos) {
      CHECK_THAT(record, Catch::Matchers::EndsWith(std::string(100, '.')));
    } else {
      CHECK(record.substr(record.find("foreign")) ==
            "foreign " + std::to_string(foreign++) + " end");
    }
  }
  CHECK(foreign > 0);
}

TEST_CASE("what can be a record, and what would not come out again") {
  const std::string nul(1, '\0');
  CHECK(fit_of("text", 4) == RecordFit::fits);
  CHECK(fit_of("text", 3) == RecordFit::too_long);
  CHECK(fit_of("text\r", 100) == RecordFit::fits);
  CHECK(fit_of("", 100) == RecordFit::nothing);
  CHECK(fit_of(std::string(50, '\0'), 100) == RecordFit::nothing);
  CHECK(fit_of("a" + nul, 100) == RecordFit::fits_with_nul);
  CHECK(fit_of(std::string(4'095, '\0') + "a", 10'000) == RecordFit::fits_with_nul);
  CHECK(fit_of(std::string(4'096, '\0') + "a", 10'000) == RecordFit::like_a_gap);
  CHECK(fit_of("a\nb", 100) == RecordFit::has_newline);
}

TEST_CASE("at how much writers wait is what the agent says now") {
  TempDir folder("append");
  const auto path = folder.file("buffer");
  write_file(path, std::string(5'000, 'x') + "\n");
  auto writer = writer_of(path);
  const auto full_at = [&](std::uint64_t bytes) {
    const WriterLimits limits{.record_bytes_max = 1000, .blocks_at_bytes = bytes};
    REQUIRE(writer->file().set_attribute(kLimitsAttribute, text_of(limits)).ok());
    const auto held = writer->held();
    REQUIRE(held.ok());
    return held->is_full();
  };
  CHECK_FALSE(full_at(0));
  CHECK(full_at(5'000));
  CHECK_FALSE(full_at(1'000'000));
  CHECK(full_at(5'000));
  CHECK_FALSE(full_at(0));
}

TEST_CASE("nothing is written to a buffer that has lost its name", "[P1]") {
  const bool replaced = GENERATE(false, true);
  TempDir folder("append");
  const auto path = folder.file("buffer");
  write_file(path, "");
  auto writer = writer_of(path);
  REQUIRE(writer->file().set_attribute(kLimitsAttribute, text_of({1000, 1'000'000})).ok());
  REQUIRE(writer->add("one").ok());
  REQUIRE(writer->flush().ok());
  std::filesystem::rename(path, folder.file("old"));
  if (replaced) write_file(path, "");
  REQUIRE(writer->add("two").ok());
  const auto lost = writer->flush();
  REQUIRE_FALSE(lost.ok());
  CHECK(lost.error().kind() == ErrorKind::io);
  CHECK_THAT(lost.error().message(), Contains("deleted or renamed"));
  CHECK(writer->records_written() == 1);
  CHECK(writer->records_waiting() == 1);
  CHECK(read_file(folder.file("old")) == "\none\n");
  CHECK_FALSE(writer->add(std::string(AppendWriter::kBatchBytesMax, 'x')).ok());
}

TEST_CASE("the limit is the agent's where it has left one") {
  TempDir folder("append");
  const auto path = folder.file("buffer");
  write_file(path, "");
  CHECK(writer_of(path)->record_bytes_max() == 1024 * 1024);
  const auto with = [&](std::string_view text) {
    REQUIRE((*PosixFile::open(path))->set_attribute("user.punchline.limits", text).ok());
    return writer_of(path)->record_bytes_max();
  };
  CHECK(with("record_bytes_max=100") == 100);
  CHECK(with("other=1 record_bytes_max=2000000 more=5") == 2'000'000);
  CHECK(with("record_bytes_max=") == 1024 * 1024);
  CHECK(with("record_bytes_max=0") == 1024 * 1024);
}

TEST_CASE("the first record of an empty buffer goes in while an agent holds it") {
  TempDir folder("append");
  write_file(folder.file("buffer"), "");
  const auto file = PosixFile::open(folder.file("buffer"));
  REQUIRE(file.ok());
  const auto agent = LockRequest(LockFile::path_for(folder.file("buffer"))).wait(**file);
  REQUIRE(agent.ok());
  auto writer = open_append_writer(folder.file("buffer"), Format::lines);
  REQUIRE(writer.ok());
  REQUIRE((*writer)->add(std::string_view("one")).ok());
  REQUIRE((*writer)->flush().ok());  // it waited for ever
  CHECK(read_file(folder.file("buffer")) == "\none\n");
}

TEST_CASE("a stranger's lock on an empty buffer is not waited for") {
  const TempDir folder("append-locked");
  const auto path = folder.file("buffer");
  write_file(path, "");
  const auto writer = writer_of(path);
  writer->set_patience(std::chrono::milliseconds(0));
  REQUIRE(writer->add("record").ok());
  const SharedLock stranger(path);
  CHECK(writer->flush().ok());
  CHECK(records_in(read_file(path)) == std::vector<std::string>{"record"});
}

TEST_CASE("another writer that decides the format is not waited for for ever") {
  const TempDir folder("append-locked");
  const auto path = folder.file("buffer");
  write_file(path, "");
  const auto writer = writer_of(path);
  writer->set_patience(std::chrono::milliseconds(20));
  REQUIRE(writer->add("record").ok());
  {
    const auto other = LockFile::open(**PosixFile::open(path), LockFile::path_for(path));
    REQUIRE(other->try_lock(LockFile::Byte::offsets).ok());
    const auto refused = writer->flush();
    REQUIRE_FALSE(refused.ok());
    CHECK(refused.error().kind() == ErrorKind::busy);
    CHECK(read_file(path).empty());
  }
  CHECK(writer->flush().ok());
  CHECK(records_in(read_file(path)) == std::vector<std::string>{"record"});
}
