#include "buffer/line_scanner.h"

#include <cerrno>
#include <random>
#include <string>
#include <utility>

#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;
using punchline::testing::MemoryFile;

namespace {

std::string nuls(std::size_t count) {
  return std::string(count, '\0');
}

// Drives a scanner to the end of the data and tells what it found.
struct Drive {
  explicit Drive(MemoryFile& file, ReadRules rules = {}, Position base = 0)
      : space(file, Format::lines, std::move(rules), base) {}

  Space space;
  LineScanner scanner{space};
  std::size_t memory_bytes = 64;
  Position at = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t room = 0;
  int steps = 0;
  std::string payloads{};  // of the records, each with a bar behind it

  std::string items() {
    std::string all;
    for (;; ++steps) {
      std::vector<char> memory(memory_bytes);
      std::vector<Item> items;
      const auto step = scanner.step(at, UINT64_MAX, memory, 1000, items);
      REQUIRE(step.ok());
      for (const auto& item : items) {
        REQUIRE(item.range.begin == at);
        at = item.range.end;
        all += text(item, memory);
      }
      REQUIRE(step->next == at);
      unfinished = step->unfinished_bytes;
      room = step->room_bytes;
      if (step->end == ScanStep::End::end_of_data) return all;
      if (step->end == ScanStep::End::needs_memory) memory_bytes = scanner.memory_bytes();
      REQUIRE(steps < 100'000);
    }
  }

  std::string text(const Item& item, const std::vector<char>& memory) {
    const auto range =
        "[" + to_string(item.range.begin) + "," + to_string(item.range.end) + ")";
    if (item.kind == Item::Kind::nothing) return "nothing" + range;
    if (item.kind == Item::Kind::room) return "room" + range;
    if (item.kind == Item::Kind::set_aside) return name_of(item.reason) + range;
    REQUIRE(item.payload + item.payload_bytes <= memory.size());
    payloads.append(memory.data() + item.payload, item.payload_bytes).append("|");
    return "record" + range;
  }
};

}  // namespace

TEST_CASE("a scan finds all lines, whatever the memory") {
  MemoryFile file("one\ntwo\n\nthree\nfour");
  Drive drive(file);
  drive.memory_bytes = 9;
  CHECK(drive.items() == "record[0,4)record[4,8)nothing[8,9)record[9,15)");
  CHECK(drive.payloads == "one|two|three|");
  CHECK(drive.unfinished == 4);
  file.producer_appends("th\n");
  CHECK(drive.items() == "record[15,22)");
  CHECK(drive.payloads == "one|two|three|fourth|");
}

TEST_CASE("positions count from the base") {
  MemoryFile file("one\ntwo\n");
  Drive drive(file, {}, 1000);
  drive.at = 1004;
  CHECK(drive.items() == "record[1004,1008)");
}

TEST_CASE("a line larger than the memory asks for more, one over the limit is set aside", "[R5]") {
  MemoryFile file(std::string(500, 'x') + "\n" + std::string(5000, 'y') + "\nz\n");
  Drive drive(file, {1000, {}});
  CHECK(drive.items() == "record[0,501)oversize[501,5502)record[5502,5504)");
  CHECK(drive.payloads == std::string(500, 'x') + "|z|");
}

TEST_CASE("a hole of terabytes is skipped in a few steps") {
  MemoryFile file("a\n");
  file.producer_writes(5ULL << 40, "tail\nb\n");
  Drive drive(file);
  const auto end = std::to_string((5ULL << 40) + 5);
  const auto last = std::to_string((5ULL << 40) + 7);
  CHECK(drive.items() == "record[0,2)gap[2," + end + ")record[" + end + "," + last + ")");
  CHECK(drive.steps < 10);
}

TEST_CASE("a hole at the end is room: no part of a line, and what follows it is found", "[R8]") {
  MemoryFile file("a\nun");
  file.producer_writes(1 << 20, nuls(1));
  Drive drive(file);
  CHECK(drive.items() == "record[0,2)");
  CHECK(drive.unfinished == 2);
  CHECK(drive.room == (1 << 20) - 3);
  file.producer_writes(4, "finished\n");
  CHECK(drive.items() == "record[2,13)");
  CHECK(drive.unfinished == 0);
  file.producer_appends("\nb\n");
  CHECK(drive.items() == "room[13,1048577)nothing[1048577,1048578)record[1048578,1048580)");
}

TEST_CASE("room that has been read is read again once its producer has filled it", "[R8]") {
  const bool knows_holes = GENERATE(true, false);
  MemoryFile file("a\n");
  file.set_knows_holes(knows_holes);
  file.producer_writes((1 << 20) - 1, nuls(1));
  Drive drive(file);
  CHECK(drive.items() == "record[0,2)");
  file.producer_writes(2, "record\n");
  file.producer_writes(1 << 20, "\nnext\n");
  drive.at = 2;
  CHECK(drive.items().starts_with("record[2,9)room[9,1048576)"));
  CHECK(drive.payloads == "a|record|next|");
}

TEST_CASE("lines written into room in the middle of a read are all read, and as they are", "[R9]") {
  const std::uint64_t second = GENERATE(4096, 3 * 4096);  // the NULs before it are a gap, or too few
  MemoryFile file("a\n");
  file.truncate(1 << 20);
  file.while_reading([&, written = false](std::uint64_t page) mutable {
    if (page != 0 || std::exchange(written, true)) return;
    file.producer_writes(2, std::string(second - 3, 'b') + "\n");
    file.producer_writes(second, "c\n");
  });
  Drive drive(file);
  drive.memory_bytes = 64 * 1024;
  drive.items();
  CHECK(drive.payloads == "a|" + std::string(second - 3, 'b') + "|c|");
}

TEST_CASE("the same where the NULs were longer than the memory", "[R9]") {
  constexpr std::uint64_t kSecond = 7 * 4096;
  MemoryFile file("a\n");
  file.set_knows_holes(GENERATE(true, false));
  file.producer_writes(2, std::string(64 * 1024, '\0'));
  file.while_reading([&, written = false](std::uint64_t page) mutable {
    if (page != 5 || std::exchange(written, true)) return;
    file.producer_writes(2, std::string(kSecond - 3, 'b') + "\n");
    file.producer_writes(kSecond, "c\n");
  });
  Drive drive(file);
  drive.memory_bytes = 1024;
  drive.items();
  CHECK(drive.payloads == "a|" + std::string(kSecond - 3, 'b') + "|c|");
}

// What it was damaged by is behind the NULs that are looked at first.
TEST_CASE("room behind a long damaged line is read again once its producer has filled it", "[R8]") {
  const auto damaged = std::string("b") + nuls(1) + std::string(5000, 'c');
  MemoryFile file(damaged);
  file.truncate(1 << 20);
  SECTION("between two reads") {
    Drive drive(file, {1000, {}});
    CHECK(drive.items().empty());
    file.producer_writes(damaged.size(), "\nnext\n");
    drive.items();
    CHECK(drive.payloads == "next|");
  }
  SECTION("in the middle of one") {
    constexpr std::uint64_t kNext = 4 * 4096;
    const std::string line(kNext - damaged.size() - 2, 'd');
    file.set_knows_holes(false);
    file.while_reading([&, written = false](std::uint64_t page) mutable {
      if (page != 2 || std::exchange(written, true)) return;
      file.producer_writes(damaged.size(), "\n" + line + "\nnext\n");
    });
    Drive drive(file, {12'000, {}});  // less than both lines in one
    drive.memory_bytes = 1024;
    drive.items();
    CHECK((drive.payloads == damaged + "|" + line + "|next|"));
  }
}

TEST_CASE("filesystems that know no holes are read through") {
  MemoryFile file("a\n");
  file.set_knows_holes(false);
  file.producer_writes(1 << 20, "\nb\n");
  Drive drive(file);
  drive.memory_bytes = 4096;
  CHECK(drive.items() ==
        "record[0,2)room[2,1048576)nothing[1048576,1048577)record[1048577,1048579)");
}

TEST_CASE("a long unfinished line is not read again from its beginning") {
  MemoryFile file(std::string(100'000, 'x'));
  Drive drive(file, {1000, {}});
  drive.memory_bytes = 1001;
  CHECK(drive.items().empty());
  const auto reads = file.calls(MemoryFile::Op::read_at);
  for (int i = 0; i < 10; ++i) {
    file.producer_appends("y");
    CHECK(drive.items().empty());
  }
  CHECK(file.calls(MemoryFile::Op::read_at) - reads <= 20);
  file.producer_appends("\nz\n");
  CHECK(drive.items() == "oversize[0,100011)record[100011,100013)");
}

TEST_CASE("a record that its writer took back in place is seen to end", "[P2]") {
  MemoryFile file("ok\n" + std::string(200, 'x'));
  Drive drive(file, {1000, {}});
  CHECK(drive.items() == "record[0,3)");
  file.producer_writes(3, nuls(199) + "\n");
  drive.items();  // nothing new behind it, so the next look begins anew
  drive.items();
  CHECK(drive.at == 203);
}

TEST_CASE("a torn line of any length below the fence is one entry", "[R3]") {
  MemoryFile file("begin");
  file.producer_writes(100'000, "end\nok\n");
  Drive drive(file, {1000, {200'000}});
  CHECK(drive.items() == "torn[0,100004)record[100004,100007)");
}

TEST_CASE("an error of the file is an error of the step, and the scan goes on after it") {
  MemoryFile file("one\ntwo\n");
  Space space(file, Format::lines);
  LineScanner scanner(space);
  std::vector<char> memory(64);
  std::vector<Item> items;
  file.fail(MemoryFile::Op::read_at, 5);
  CHECK_FALSE(scanner.step(0, UINT64_MAX, memory, 10, items).ok());
  CHECK(items.empty());
  CHECK(scanner.step(0, UINT64_MAX, memory, 10, items)->next == 8);
}

TEST_CASE("an error at any call of a long line does not join it to the next one") {
  using Op = MemoryFile::Op;
  const auto op = GENERATE(Op::read_at, Op::next_data, Op::facts);
  for (std::uint64_t nth = 1; nth < 12; ++nth) {
    MemoryFile file;
    file.producer_writes(64 * 1024, "\nrecord\n");
    Drive drive(file);
    file.fail(op, EIO, nth);
    for (int steps = 0; drive.at < file.size() && steps < 100; ++steps) {
      std::vector<char> memory(1024);
      std::vector<Item> items;
      const auto step = drive.scanner.step(drive.at, UINT64_MAX, memory, 100, items);
      if (!step) continue;
      for (const auto& item : items)
        drive.text(item, memory);
      drive.at = step->next;
    }
    CHECK(drive.payloads == "record|");
  }
}

// The scanner with little memory must say what the decoder says of the whole file at once.
TEST_CASE("random files read the same in small pieces as at once") {
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes;
    while (bytes.size() < 300) {
      const auto kind = random() % 6;
      if (kind == 0) bytes += nuls(random() % 40);
      if (kind <= 2) bytes += '\n';
      if (kind >= 2) bytes += std::string(random() % 20, static_cast<char>('a' + random() % 26));
    }
    ReadRules rules{20, {}};
    for (auto fences = random() % 3; fences > 0; --fences)
      rules.fences.emplace_back(random() % 300);
    std::sort(rules.fences.begin(), rules.fences.end());
    std::vector<Item> whole;
    decode_lines(rules, 0, bytes, UINT64_MAX, 1000, whole);
    std::string expected;
    MemoryFile file(bytes);
    Drive drive(file, rules);
    drive.memory_bytes = 1 + random() % 30;
    std::vector<char> memory(bytes.begin(), bytes.end());
    Drive naive(file, rules);
    for (const auto& item : whole)
      expected += naive.text(item, memory);
    // Pieces may cut a run of nothing in two.
    auto found = drive.items();
    for (auto cut = found.find(")nothing["); cut != std::string::npos;) {
      const auto before = found.rfind('[', cut);
      const bool joins = before >= 7 && found.compare(before - 7, 7, "nothing") == 0;
      if (!joins) {
        cut = found.find(")nothing[", cut + 1);
        continue;
      }
      const auto comma = found.find(',', cut);
      found.erase(found.find(',', before), comma - found.find(',', before));
      cut = found.find(")nothing[");
    }
    REQUIRE(found == expected);
    REQUIRE(drive.payloads == naive.payloads);
  }
}
