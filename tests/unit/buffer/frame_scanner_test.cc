#include "buffer/frame_scanner.h"

#include <random>
#include <string>
#include <utility>

#include "tests/support/catch.h"
#include "tests/support/frames.h"
#include "tests/support/memory_file.h"
#include "tests/support/seed.h"

using namespace punchline;
using punchline::testing::MemoryFile;
using punchline::testing::salt_of;

namespace {

std::string frame(std::string_view payload, std::uint32_t salt) {
  std::string bytes;
  FrameRecord record;
  record.payload = payload;
  encode_frame(record, salt, bytes);
  return bytes;
}

// A file and a scanner over it; frames of the file's own salt are made with make().
struct Drive {
  explicit Drive(ReadRules rules = {}) : space(file, Format::frames, std::move(rules)) {}

  MemoryFile file;
  Space space;
  FrameScanner scanner{space};
  std::size_t memory_bytes = 4096;
  Position at = 0;
  std::uint64_t unfinished = 0;
  std::uint64_t bytes_read = 0;
  int steps = 0;

  std::string make(std::string_view payload) { return frame(payload, salt_of(file)); }
  void append(std::string_view bytes) { file.producer_appends(bytes); }

  // Payloads in bars, what is set aside in brackets with its length; nothing is not shown.
  std::string read() {
    std::string all;
    for (;; ++steps) {
      REQUIRE(steps < 100'000);
      std::vector<char> memory(memory_bytes);
      std::vector<Item> items;
      const auto step = scanner.step(at, UINT64_MAX, memory, 1000, items);
      REQUIRE(step.ok());
      bytes_read += memory.size();
      for (const auto& item : items) {
        REQUIRE(item.range.begin == at);
        REQUIRE(item.range.end > at);
        at = item.range.end;
        if (item.kind == Item::Kind::record) {
          all.append(memory.data() + item.payload, item.payload_bytes).append("|");
        } else if (item.kind == Item::Kind::set_aside) {
          all.append("[").append(name_of(item.reason)).append(" ");
          all.append(std::to_string(item.range.size())).append("]");
        }
      }
      REQUIRE(step->next == at);
      unfinished = step->unfinished_bytes;
      if (step->end == ScanStep::End::end_of_data) return all;
      if (step->end == ScanStep::End::needs_memory) memory_bytes = scanner.memory_bytes();
    }
  }
};

}  // namespace

TEST_CASE("frames are read one behind the other, NULs between them skipped", "[N1][N2]") {
  Drive drive;
  drive.append(drive.make("one") + drive.make("") + std::string(70, '\0') + drive.make("t\no\0o"));
  CHECK(drive.read() == "one||t\no|");
  drive.append(drive.make("four"));
  CHECK(drive.read() == "four|");
  CHECK(drive.at == drive.file.size());
}

TEST_CASE("NULs that were written ahead wait, however many, and end where a frame stands",
          "[N1][R8]") {
  Drive drive;
  const auto one = drive.make("one");
  constexpr std::size_t kRoom = 1 << 20;
  drive.append(one + std::string(kRoom, '\0'));
  CHECK(drive.read() == "one|");
  CHECK(drive.at == one.size());
  drive.file.producer_writes(one.size(), drive.make("two"));
  CHECK(drive.read() == "two|");
  CHECK(drive.at < kRoom);
  drive.append(drive.make("behind"));
  CHECK(drive.read() == "behind|");
  CHECK(drive.at == drive.file.size());
}

TEST_CASE("frames written into room in the middle of a read are all read", "[R9]") {
  const std::size_t size = GENERATE(100, 4090, 6000, 20'000);  // of the first
  Drive drive;
  const auto first = drive.make("one");
  const auto over = drive.make(std::string(size, 'o')) + drive.make("two") + drive.make("three");
  drive.append(first);
  drive.file.truncate(1 << 20);
  drive.file.while_reading([&, written = false](std::uint64_t page) mutable {
    if (page != 0 || std::exchange(written, true)) return;
    drive.file.producer_writes(first.size(), over);
  });
  drive.memory_bytes = GENERATE(2'000, 12'000, 64 * 1024);
  CHECK(drive.read() == "one|" + std::string(size, 'o') + "|two|three|");
}

TEST_CASE("a frame that is being written into room while it is read is not torn", "[N5][R9]") {
  const std::size_t written = GENERATE(2, 20, 36, 2'000);  // of it, when its end is looked for
  Drive drive;
  const std::string one(4096 - 40 - written, 'f');
  const std::string two(4'000, 's');
  const auto second = drive.make(two);
  drive.append(drive.make(one));
  drive.file.truncate(1 << 20);
  drive.file.producer_writes(4096 - written, second.substr(0, written));
  drive.file.while_reading([&, reads = 0](std::uint64_t page) mutable {
    if (page != 2 || ++reads != 2) return;  // the second one begins with it
    drive.file.producer_writes(4096, second.substr(written) + drive.make("third"));
  });
  drive.memory_bytes = 64 * 1024;
  CHECK(drive.read() == one + "|" + two + "|third|");
}

TEST_CASE("holes are jumped, NULs at the end of the file wait", "[N1]") {
  Drive drive;
  drive.append(drive.make("one"));
  drive.file.producer_writes(1 << 30, drive.make("far"));
  CHECK(drive.read() == "one|far|");
  CHECK(drive.steps < 10);
  const auto end = drive.at;
  drive.file.truncate(drive.file.size() + 10'000);
  CHECK(drive.read().empty());
  CHECK(drive.at == end);
  CHECK(drive.unfinished == 0);
}

TEST_CASE("NULs at the end wait below a fence too, until a frame follows them", "[N1]") {
  Drive drive;
  drive.append(drive.make("one") + std::string(1000, '\0'));
  drive.space.rules().fences = {Position(drive.file.size())};
  CHECK(drive.read() == "one|");
  CHECK(drive.at == drive.file.size() - 1000);
  drive.append(drive.make("two"));
  CHECK(drive.read() == "two|");
  CHECK(drive.at == drive.file.size());
}

TEST_CASE("a frame that is not whole waits, and is set aside when something follows it", "[N5]") {
  const auto whole = Drive().make("a record that is longer than a head of a frame");
  for (const std::size_t cut :
       {std::size_t{1}, std::size_t{20}, kFrameHeadBytes, whole.size() - 1}) {
    Drive each;
    each.append(each.make("one") + whole.substr(0, cut));
    INFO("cut at " << cut);
    CHECK(each.read() == "one|");
    CHECK(each.unfinished == cut);
    CHECK(each.read().empty());
    each.append(each.make("two"));
    const std::string reason = cut < kFrameHeadBytes ? "damaged " : "torn ";
    CHECK(each.read() == "[" + reason + std::to_string(cut) + "]two|");
    CHECK(each.unfinished == 0);
  }
}

TEST_CASE("a frame that is whole after all is delivered", "[N5]") {
  Drive drive;
  const auto whole = drive.make("one");
  drive.append(whole.substr(0, 40));
  CHECK(drive.read().empty());
  drive.append(whole.substr(40));
  CHECK(drive.read() == "one|");
}

TEST_CASE("below a fence a torn end is set aside at once", "[N5]") {
  Drive drive;
  drive.append(drive.make("one").substr(0, 39));
  drive.space.rules().fences = {Position(drive.file.size())};
  CHECK(drive.read() == "[torn 39]");
  drive.append(drive.make("two"));
  CHECK(drive.read() == "two|");
}

TEST_CASE("bytes that are no frame are set aside up to the next one", "[N4]") {
  Drive drive;
  drive.append("hello\n");
  CHECK(drive.read() == "[damaged 6]");
  auto bad = drive.make("bad payload");
  bad[kFrameHeadBytes + 2] ^= 1;
  drive.append(drive.make("one") + bad + drive.make("two") + "junk" + drive.make("three"));
  CHECK(drive.read() == "one|[damaged " + std::to_string(bad.size()) + "]two|[damaged 4]three|");
}

TEST_CASE("a frame of another file inside damage is not taken for one of this", "[N6]") {
  Drive drive;
  auto bad = drive.make("a backup: " + frame("stolen", 7) + frame("stolen", 7));
  bad[kFrameHeadBytes] ^= 1;
  drive.append(bad + drive.make("one"));
  CHECK(drive.read() == "[damaged " + std::to_string(bad.size()) + "]one|");
}

TEST_CASE("in a copy the salt of the original is learned", "[N6]") {
  Drive drive;
  auto bad = frame("bad", 7);
  bad[kFrameHeadBytes] ^= 1;
  drive.append(frame("one", 7) + bad + frame("two", 7) + drive.make("three"));
  CHECK(drive.read() == "one|[damaged " + std::to_string(bad.size()) + "]two|three|");
}

TEST_CASE("salts that are known beforehand are good behind damage", "[N6]") {
  Drive drive;
  drive.space.rules().salts = {7};
  drive.append("the end of a freed one" + frame("one", 7) + frame("two", 7));
  CHECK(drive.read() == "[damaged 22]one|two|");
}

TEST_CASE("a damaged frame of which both ends are sound is set aside whole, whatever it holds",
          "[N4]") {
  Drive drive;
  drive.memory_bytes = GENERATE(100, 4096);
  auto bad = drive.make("a copy of records of this very file: " + drive.make("stolen"));
  bad[kFrameHeadBytes] ^= 1;
  drive.append(bad + drive.make("one") + bad);
  const auto aside = "[damaged " + std::to_string(bad.size()) + "]";
  CHECK(drive.read() == aside + "one|" + aside);
}

TEST_CASE("a record over the limit is set aside whole, whatever the memory", "[N3]") {
  Drive drive({1000, {}});
  const auto large = drive.make(std::string(5000, 'x'));
  const auto small = drive.make(std::string(1000, 'y'));
  drive.memory_bytes = GENERATE(600, 2000, 10'000);
  drive.append(large + small + large);
  const auto aside = "[oversize " + std::to_string(large.size()) + "]";
  CHECK(drive.read() == aside + std::string(1000, 'y') + "|" + aside);
}

TEST_CASE("the work is linear in the damage, whatever lengths torn heads claim", "[N7]") {
  Drive drive;
  const auto torn = drive.make(std::string(60'000, 'x')).substr(0, kFrameHeadBytes);
  std::string damage;
  for (int i = 0; i < 100'000; ++i)
    damage += torn;
  drive.append(damage + drive.make("one") + damage + drive.make("two"));
  drive.memory_bytes = 256 * 1024;
  const auto text = drive.read();
  CHECK(text.substr(text.size() - 4) == "two|");
  CHECK(text.find("one|") != std::string::npos);
  const auto size = drive.file.size();
  const auto looks = drive.file.calls(MemoryFile::Op::read_at);
  INFO(looks << " reads of " << size << " bytes");
  CHECK(looks < 4 * (size / kFrameHeadBytes));
}

TEST_CASE("random damage: what is delivered is a record, and no whole record is missing",
          "[N2][N4]") {
  auto random = punchline::testing::seeded_random();
  for (int life = 0; life < 300; ++life) {
    Drive drive;
    drive.memory_bytes = 200 + random() % 2000;
    std::string expected;
    bool torn = false;
    for (int i = 0; i < 30; ++i) {
      const auto payload = "r" + std::to_string(i) + std::string(random() % 120, 'p');
      auto bytes = drive.make(payload);
      const auto fate = random() % 5;
      if (fate == 0) bytes.resize(1 + random() % (bytes.size() - 1));
      if (fate == 1) bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
      if (fate == 2) bytes = std::string(random() % 300, '\0') + bytes;
      torn = fate == 0;
      if (fate > 1) expected += payload + "|";
      drive.append(bytes);
    }
    if (torn) drive.append(drive.make("last"));
    if (torn) expected += "last|";
    auto found = drive.read();
    for (auto at = found.find('['); at != std::string::npos; at = found.find('['))
      found.erase(at, found.find(']') - at + 1);
    CHECK(found == expected);
  }
}

TEST_CASE("damage ends where freed space begins", "[N4]") {
  Drive drive;
  const auto freed = std::string(5000, '\0');
  const auto few = std::string(44, '\0');
  drive.append("junk" + few + drive.make("one") + std::string("junk\0more", 9) + freed + "junk" +
               freed + drive.make("two") + "junk" + few);
  drive.memory_bytes = GENERATE(300, 1000, 100'000);
  CHECK(drive.read() == "[damaged 4]one|[damaged 9][damaged 4]two|[damaged 4]");
}

TEST_CASE("a frame that is written into room behind a torn one is found, whenever that was read") {
  Drive drive;
  const auto torn = drive.make(std::string(500, 't')).substr(0, 100);
  drive.append(drive.make("one") + torn + std::string(200, '\0'));
  CHECK(drive.read() == "one|");
  const auto behind = drive.make("one").size() + torn.size();
  drive.file.producer_writes(behind, drive.make("two"));
  CHECK(drive.read() == "[torn 100]two|");
}
