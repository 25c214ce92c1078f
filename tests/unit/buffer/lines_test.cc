#include "buffer/lines.h"

#include <string>
#include <string_view>

#include "tests/support/catch.h"

using namespace punchline;
using namespace std::string_literals;

namespace {

// "record[0,4)" and so on, one a word.
std::string decode(std::string_view bytes, const ReadRules& rules = {}, Position at = 0,
                   Position until = UINT64_MAX, std::size_t items_max = 100) {
  std::vector<Item> items;
  const auto covered = decode_lines(rules, at, bytes, until, items_max, items);
  std::string all;
  Position expected = at;
  for (const auto& item : items) {
    CHECK(item.range.begin == expected);  // without gaps
    expected = item.range.end;
    static constexpr const char* kKinds[] = {"record", "nothing", "", "room"};
    all += kKinds[static_cast<int>(item.kind)];
    if (item.kind == Item::Kind::set_aside) all += name_of(item.reason);
    if (item.kind == Item::Kind::record) {
      CHECK(item.payload == item.range.begin - at);
      CHECK(item.payload_bytes == item.range.size() - 1);
    }
    all += "[" + to_string(item.range.begin) + "," + to_string(item.range.end) + ")";
  }
  CHECK(covered == expected - at);
  return all;
}

std::string nuls(std::size_t count) {
  return std::string(count, '\0');
}

}  // namespace

TEST_CASE("lines are records, what is not finished waits", "[R6][R7]") {
  CHECK(decode("one\ntwo\nthr") == "record[0,4)record[4,8)");
  CHECK(decode("a\r\n") == "record[0,3)");  // CR is data
  CHECK(decode("") == "");
  CHECK(decode("no newline") == "");
  CHECK(decode("x\n", {}, 1000) == "record[1000,1002)");
}

TEST_CASE("empty lines and lines of NULs are nothing, neighbours joined", "[R1]") {
  CHECK(decode("\n\n\na\n\n") == "nothing[0,3)record[3,5)nothing[5,6)");
  CHECK(decode(nuls(5) + "\n\nb\n") == "nothing[0,7)record[7,9)");
}

TEST_CASE("read exactly, NULs are payload unless they are a gap", "[R4][R6]") {
  CHECK(decode("a" + nuls(1) + "b\n") == "record[0,4)");
  CHECK(decode(nuls(1) + "b\n") == "record[0,3)");
  CHECK(decode(nuls(4095) + "b\n") == "record[0,4097)");
  CHECK(decode(nuls(4096) + "b\nc\n") == "gap[0,4098)record[4098,4100)");
}

TEST_CASE("read carefully, a line with NULs and other bytes is set aside whole", "[R3]") {
  const ReadRules rules{1 << 20, {100}};
  CHECK(decode("a" + nuls(1) + "b\nok\n", rules) == "torn[0,4)record[4,7)");
  CHECK(decode(nuls(5000) + "b\n", {1 << 20, {6000}}) == "torn[0,5002)");
  CHECK(decode(nuls(3) + "\n", rules) == "nothing[0,4)");
  // The same line above the fence.
  CHECK(decode("a" + nuls(1) + "b\n", rules, 100) == "record[100,104)");
}

TEST_CASE("behind a freed block below the old front the rest of a line is none that was torn",
          "[R3]") {
  ReadRules rules{1 << 20, {20'000}};
  rules.old_front = 8200;
  const auto rest = nuls(8192) + "rest of\nnext\n";
  CHECK(decode(rest, rules) == "nothing[0,8200)record[8200,8205)");
  CHECK(decode(nuls(8191) + "?rest of\nnext\n", rules) == "torn[0,8200)record[8200,8205)");
  rules.old_front = 8199;  // it ends behind it
  CHECK(decode(rest, rules) == "torn[0,8200)record[8200,8205)");
  rules.old_front = 0;  // another boot
  CHECK(decode(rest, rules) == "torn[0,8200)record[8200,8205)");
}

TEST_CASE("a line that spans any fence is set aside whole", "[R2]") {
  const ReadRules rules{1 << 20, {4, 9}};
  CHECK(decode("abc\n", rules) == "record[0,4)");  // ends at the fence
  CHECK(decode("abcd\n", rules) == "spans_fence[0,5)");
  CHECK(decode("abcd\n", rules, 4) == "record[4,9)");
  CHECK(decode("abcd\n", rules, 5) == "spans_fence[5,10)");
  CHECK(decode("abcdefghijk\n", rules) == "spans_fence[0,12)");
  CHECK(decode("abcd\n", rules, 9) == "record[9,14)");
  CHECK(decode(nuls(9) + "\n", rules) == "nothing[0,10)");
}

TEST_CASE("NULs that nobody is known to have freed are room, their newline is nothing",
          "[R1][R8]") {
  CHECK(decode(nuls(4095) + "\nb\n") == "nothing[0,4096)record[4096,4098)");
  CHECK(decode(nuls(4096) + "\n\nb\n") == "room[0,4096)nothing[4096,4098)record[4098,4100)");
}

TEST_CASE("behind NULs up to a fence a line begins at the fence", "[R2]") {
  const ReadRules rules{1 << 20, {6}};
  CHECK(decode("a\n" + nuls(4) + "new\n", rules) == "record[0,2)nothing[2,6)record[6,10)");
  CHECK(decode("torn" + nuls(2) + "new\n", rules) == "torn[0,6)record[6,10)");
  CHECK(decode("torn" + nuls(3) + "ew\n", rules) == "spans_fence[0,10)");  // NULs at the fence
  CHECK(decode(nuls(5000) + "new\n", {1 << 20, {5000}}) == "room[0,5000)record[5000,5004)");
}

TEST_CASE("a record may be as long as the limit and no longer", "[R5]") {
  const ReadRules rules{3, {}};
  CHECK(decode("abc\nabcd\nabc\n", rules) == "record[0,4)oversize[4,9)record[9,13)");
  CHECK(decode("abcd\n", {3, {100}}) == "oversize[0,5)");
}

TEST_CASE("it stops where it is told to") {
  CHECK(decode("a\nb\nc\n", {}, 0, 2) == "record[0,2)");
  CHECK(decode("a\nb\nc\n", {}, 0, 3) == "record[0,2)record[2,4)");
  CHECK(decode("a\nb\nc\n", {}, 0, UINT64_MAX, 2) == "record[0,2)record[2,4)");
}
