// What every BufferFile promises. A fake that fails here is wrong, and so is a filesystem.

#include <algorithm>
#include <bit>
#include <random>
#include <string>

#include "tests/contract/subject.h"
#include "tests/support/catch.h"

using namespace punchline;
using punchline::testing::Place;
using punchline::testing::places;
using punchline::testing::Subject;

namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

/// Bytes that differ from their neighbours and are never NUL.
std::string pattern(std::size_t bytes) {
  std::string text(bytes, 0);
  for (std::size_t i = 0; i < bytes; ++i) {
    text[i] = static_cast<char>(1 + (i * 7 + i / 251) % 250);
  }
  return text;
}

std::string content(BufferFile& file, std::uint64_t offset, std::size_t bytes) {
  std::string text(bytes, 'x');
  const auto got = file.read_at(Offset(offset), text);
  REQUIRE(got.ok());
  text.resize(*got);
  return text;
}

std::uint64_t size_of(BufferFile& file) {
  const auto facts = file.facts();
  REQUIRE(facts.ok());
  return facts->size;
}

std::optional<Offset> data_at(BufferFile& file, std::uint64_t offset) {
  const auto at = file.next_data(Offset(offset));
  REQUIRE(at.ok());
  return *at;
}

Offset hole_at(BufferFile& file, std::uint64_t offset) {
  const auto at = file.next_hole(Offset(offset));
  REQUIRE(at.ok());
  return *at;
}

/// Runs `check` on a new file of every place.
template <class Check>
void everywhere(Check check) {
  for (const Place& place : places()) {
    INFO("on " << place.name);
    auto subject = place.make();
    check(*subject);
  }
}

/// The same where the filesystem knows of holes; elsewhere everything counts as data.
template <class Check>
void where_holes_are_known(Check check) {
  for (const Place& place : places()) {
    if (!place.knows_holes) continue;
    INFO("on " << place.name);
    auto subject = place.make();
    check(*subject);
  }
}

}  // namespace

TEST_CASE("read_at is short only at the end") {
  everywhere([](Subject& it) {
    const auto text = pattern(10'000);
    it.producer_appends(text);
    CHECK(content(it.file(), 0, 10'000) == text);
    CHECK(content(it.file(), 4'090, 20) == text.substr(4'090, 20));
    CHECK(content(it.file(), 9'990, 100) == text.substr(9'990));
    CHECK(content(it.file(), 10'000, 100).empty());
    CHECK(content(it.file(), 999'999, 100).empty());
  });
}

// Of several blocks, one block, less than one; also at the ends of what is read at once.
TEST_CASE("what is read over many holes is what stands there, while it grows and is freed",
          "[R9][K6]") {
  everywhere([](Subject& it) {
    it.become_writer();
    std::minstd_rand random(7);
    std::string expected;
    const auto append = [&](std::size_t bytes) {
      const auto text = pattern(bytes);
      it.producer_appends(text);
      expected += text;
    };
    const auto punch = [&](std::uint64_t begin, std::uint64_t bytes) {
      const auto end = std::min<std::uint64_t>(begin + bytes, expected.size());
      REQUIRE(it.file().punch(offsets(begin, end)).ok());
      std::fill(expected.begin() + static_cast<std::ptrdiff_t>(begin),
                expected.begin() + static_cast<std::ptrdiff_t>(end), '\0');
    };
    append(3 * kMib);
    for (int hole = 0; hole < 150; ++hole)
      punch(random() % (3 * kMib), 1 + random() % 60'000);
    for (int round = 0; round < 40; ++round) {
      std::size_t at = random() % 70'000;
      while (at < expected.size()) {
        const std::size_t most = random() % 4 == 0 ? random() % 300'000 : 256 * 1024;
        const auto read = content(it.file(), at, most);
        REQUIRE((read == expected.substr(at, most)));
        at += most + random() % 5'000;
      }
      append(random() % 100'000);
      if (round % 10 == 9) punch(expected.size() - 100'000, 100'000);  // a hole at the end
      punch(random() % expected.size(), 1 + random() % 200'000);
    }
  });
}

TEST_CASE("facts follow what producers do") {
  everywhere([](Subject& it) {
    const auto before = it.file().facts();
    REQUIRE(before.ok());
    CHECK(before->size == 0);
    CHECK(before->inode != 0);
    CHECK(before->has_name);
    CHECK(std::has_single_bit(before->block_bytes));
    CHECK(before->block_bytes >= 512);
    it.producer_appends(pattern(100'000));
    REQUIRE(it.file().sync_data().ok());
    const auto after = it.file().facts();
    REQUIRE(after.ok());
    CHECK(after->size == 100'000);
    CHECK(after->allocated_bytes >= 100'000);
    CHECK(after->inode == before->inode);
    CHECK(after->birth_ns == before->birth_ns);
    CHECK(after->modified_ns >= before->modified_ns);
  });
}

TEST_CASE("appended bytes are data up to the end, at once") {
  everywhere([](Subject& it) {
    it.producer_appends(pattern(70'001));
    CHECK(data_at(it.file(), 0) == 0);
    CHECK(data_at(it.file(), 50'001) == 50'001);
    CHECK(data_at(it.file(), 70'000) == 70'000);
    CHECK(hole_at(it.file(), 0) == 70'001);
    CHECK(hole_at(it.file(), 70'000) == 70'001);
  });
}

TEST_CASE("at and behind the end there is no data") {
  everywhere([](Subject& it) {
    CHECK_FALSE(data_at(it.file(), 0).has_value());
    CHECK(hole_at(it.file(), 0) == 0);
    it.producer_appends("abc");
    CHECK_FALSE(data_at(it.file(), 3).has_value());
    CHECK_FALSE(data_at(it.file(), 10'000).has_value());
    CHECK(hole_at(it.file(), 3) == 3);
    CHECK(hole_at(it.file(), 10'000) == 10'000);
  });
}

TEST_CASE("a write far behind the end leaves a hole that is skipped") {
  everywhere([](Subject& it) {
    constexpr std::uint64_t kFar = 5 * 1024 * kMib;
    it.producer_appends("abc\n");
    it.producer_writes(kFar, "def\n");
    CHECK(size_of(it.file()) == kFar + 4);
    CHECK(content(it.file(), kFar - 2, 10) == std::string("\0\0def\n", 6));
  });
}

TEST_CASE("punching whole blocks frees them and touches nothing else", "[K7]") {
  everywhere([](Subject& it) {
    auto text = pattern(kMib + 77);
    it.producer_appends(text);
    it.become_writer();
    REQUIRE(it.file().sync_data().ok());
    const auto before = it.file().facts();
    REQUIRE(before.ok());
    REQUIRE(it.file().punch({65'536, 589'824}).ok());
    REQUIRE(it.file().sync_data().ok());
    const auto after = it.file().facts();
    REQUIRE(after.ok());
    CHECK(after->size == text.size());
    CHECK(after->allocated_bytes + 524'288 <= before->allocated_bytes);
    text.replace(65'536, 524'288, 524'288, '\0');
    CHECK(content(it.file(), 0, text.size()) == text);
  });
}

TEST_CASE("punching with edges inside blocks zeroes exactly the range", "[K7]") {
  everywhere([](Subject& it) {
    auto text = pattern(40'000);
    it.producer_appends(text);
    it.become_writer();
    const OffsetRange cuts[] = {
        {5'000, 25'000}, {30'000, 30'010}, {24'990, 25'001}, {39'999, 40'000}};
    for (const auto cut : cuts) {
      REQUIRE(it.file().punch(cut).ok());
      text.replace(cut.begin.value(), cut.size(), cut.size(), '\0');
      CHECK(content(it.file(), 0, 50'000) == text);
    }
  });
}

TEST_CASE("holes are told from data", "[K7]") {
  where_holes_are_known([](Subject& it) {
    constexpr std::uint64_t kFar = 5 * 1024 * kMib;
    it.producer_appends(pattern(kMib));
    it.producer_writes(kFar, "def\n");
    it.become_writer();
    CHECK(data_at(it.file(), 2 * kMib) == kFar);
    CHECK(hole_at(it.file(), 0) <= kMib + 65'536);
    REQUIRE(it.file().punch({65'536, 589'824}).ok());
    CHECK(hole_at(it.file(), 0) == 65'536);
    CHECK(data_at(it.file(), 65'536) == 589'824);
  });
}

TEST_CASE("a hole that was punched with edges inside blocks is found", "[K7]") {
  where_holes_are_known([](Subject& it) {
    it.producer_appends(pattern(40'000));
    it.become_writer();
    REQUIRE(it.file().punch({5'000, 25'000}).ok());
    CHECK(data_at(it.file(), 8'192) == 24'576);
  });
}

TEST_CASE("punching again, nothing, and everything is harmless") {
  everywhere([](Subject& it) {
    it.producer_appends(pattern(20'000));
    it.become_writer();
    REQUIRE(it.file().punch({0, 8'192}).ok());
    REQUIRE(it.file().punch({0, 8'192}).ok());
    REQUIRE(it.file().punch({100, 100}).ok());
    REQUIRE(it.file().punch({0, 20'000}).ok());
    CHECK(content(it.file(), 0, 20'000) == std::string(20'000, '\0'));
    it.producer_appends("next\n");
    CHECK(content(it.file(), 19'999, 10) == std::string("\0next\n", 6));
  });
}

TEST_CASE("collapsing a hole moves what is behind it down, or changes nothing", "[K8]") {
  everywhere([](Subject& it) {
    auto& file = it.file();
    const auto text = pattern(2 * kMib + 77);
    it.producer_appends(text);
    it.become_writer();
    REQUIRE(file.punch({0, kMib}).ok());
    REQUIRE(file.sync_data().ok());
    const auto done = file.collapse({0, kMib});
    if (!done) {
      CHECK(done.error().kind() == ErrorKind::unsupported);
      CHECK(size_of(file) == text.size());
      CHECK(content(file, kMib, kMib + 77) == text.substr(kMib));
      return;
    }
    CHECK(size_of(file) == kMib + 77);
    CHECK(content(file, 0, kMib + 77) == text.substr(kMib));
    it.producer_appends("behind");
    CHECK(content(file, kMib + 77, 6) == "behind");
  });
}

TEST_CASE("a range that is no whole number of blocks, or reaches the end, is not collapsed") {
  everywhere([](Subject& it) {
    auto& file = it.file();
    it.producer_writes(kMib, "at the end");
    it.become_writer();
    const auto size = size_of(file);
    CHECK_FALSE(file.collapse({0, 100}).ok());
    CHECK_FALSE(file.collapse({0, 2 * kMib}).ok());
    CHECK(size_of(file) == size);
  });
}

TEST_CASE("append lands behind what others have appended", "[K4]") {
  everywhere([](Subject& it) {
    it.producer_appends("one\n");
    REQUIRE(it.file().append(std::string_view("two\n")).ok());
    it.producer_appends("three\n");
    REQUIRE(it.file().append(std::string_view("four\n")).ok());
    CHECK(content(it.file(), 0, 100) == "one\ntwo\nthree\nfour\n");
  });
}

TEST_CASE("attributes are created, replaced, and removed", "[K1]") {
  everywhere([](Subject& it) {
    auto& file = it.file();
    const auto value = [&](std::string_view name) {
      const auto found = file.attribute(name);
      REQUIRE(found.ok());
      return *found;
    };
    CHECK_FALSE(value("user.punchline").has_value());
    REQUIRE(file.remove_attribute("user.punchline").ok());
    const std::string binary("\0\1\2\0\xff", 5);
    REQUIRE(file.set_attribute("user.punchline", binary).ok());
    REQUIRE(file.set_attribute("user.punchline.other", "text").ok());
    CHECK(value("user.punchline") == binary);
    const auto longer = pattern(600);
    REQUIRE(file.set_attribute("user.punchline", longer).ok());
    CHECK(value("user.punchline") == longer);
    REQUIRE(file.set_attribute("user.punchline", "").ok());
    CHECK(value("user.punchline") == "");
    REQUIRE(file.remove_attribute("user.punchline").ok());
    CHECK_FALSE(value("user.punchline").has_value());
    CHECK(value("user.punchline.other") == "text");
    REQUIRE(file.sync_all().ok());
  });
}

TEST_CASE("nobody_writes knows of every writer, us included", "[K11]") {
  everywhere([](Subject& it) {
    auto& file = it.file();
    const auto alone = [&] {
      const auto answer = file.nobody_writes();
      REQUIRE(answer.ok());
      return *answer;
    };
    CHECK(alone());
    REQUIRE(file.set_attribute("user.punchline", "an attribute is not a writer").ok());
    CHECK(alone());
    it.producer_opens();
    CHECK_FALSE(alone());
    it.producer_closes();
    CHECK(alone());
    REQUIRE(file.append(std::string_view("ours\n")).ok());
    CHECK_FALSE(alone());
  });
}
