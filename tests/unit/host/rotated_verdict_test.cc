// Names x ages x attributes of a file beside a buffer: FORMAT.md, "Rotated by hand", L1 to L8.

#include "agent/host/rotated_verdict.h"

#include <ostream>
#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace punchline {

std::ostream& operator<<(std::ostream& out, Verdict verdict) {
  static const char* const kNames[] = {"other",      "to_forward", "unseen", "copy",
                                       "quarantine", "undated",    "closed", "unknown"};
  return out << kNames[static_cast<int>(verdict)];
}

namespace {

using State = Beside::State;
using Open = std::optional<bool>;

constexpr std::int64_t kLook = 1000;  // when an agent has last looked
constexpr std::int64_t kOld = 500;
constexpr std::int64_t kNew = 1500;
constexpr std::int64_t kNow = 2000;
constexpr Open kNotTold = std::nullopt;

const std::string kSure = "app.buf.1";
const std::string kLikely = "app.buf.old";
const std::string kNoName = "whatever";

Sought sought() {
  return {.name = "app.buf", .neighbours = {"app.buf", "app-2.buf"}, .seen_ns = kLook,
          .now_ns = kNow};
}

/// That no agent has ever had.
Beside stranger(const std::string& name, std::int64_t born_ns, Open open = false) {
  return {.name = name,
          .bytes = 4,
          .bytes_left = 4,
          .born_ns = born_ns,
          .modified_ns = born_ns,
          .changed_ns = born_ns,
          .is_open = [open] { return open; }};
}

/// That an agent has had as this buffer.
Beside was_buffer(State state, std::uint64_t bytes_left, Open open = false) {
  auto file = stranger(kNoName, kOld, open);
  file.noted_name = "app.buf";
  file.state = state;
  file.bytes_left = bytes_left;
  return file;
}

}  // namespace

TEST_CASE("L1: one that was had as the buffer is known under any name, by what is left of it",
          "[L1]") {
  struct Row {
    State state;
    std::uint64_t left;
    Open open;
    Verdict verdict;
  };
  const auto row = GENERATE(values<Row>({
      {State::own, 4, false, Verdict::to_forward},
      {State::own, 4, true, Verdict::to_forward},
      {State::own, 0, true, Verdict::to_forward},  // what its producer writes comes yet
      {State::own, 0, false, Verdict::other},
      {State::own, 0, kNotTold, Verdict::other},  // not changed since the look
      {State::none, 4, false, Verdict::to_forward},
      {State::none, 0, true, Verdict::to_forward},
      {State::none, 0, false, Verdict::other},
      {State::newer, 4, false, Verdict::closed},
  }));
  const std::string name = GENERATE("app.buf.1", "app.buf.old", "whatever", "app.buf.1.gz",
                                    "app.buf-2", "x.orphan-1");
  auto file = was_buffer(row.state, row.left, row.open);
  file.name = name;
  INFO(name << ", state " << static_cast<int>(row.state) << ", left " << row.left);
  CHECK(verdict_on(file, sought()) == row.verdict);
  file.has_lock_file = true;  // it may have been forwarded by hand
  CHECK(verdict_on(file, sought()) == row.verdict);
  auto unknown_look = sought();
  unknown_look.seen_ns.reset();
  const bool may_be_open = row.open == kNotTold;
  CHECK(verdict_on(file, unknown_look) == (may_be_open ? Verdict::to_forward : row.verdict));
}

TEST_CASE("L1: who was changed since the last look counts as open where the kernel does not tell",
          "[L1]") {
  auto file = was_buffer(State::own, 0, kNotTold);
  file.changed_ns = kNew;
  CHECK(verdict_on(file, sought()) == Verdict::to_forward);
}

TEST_CASE("L1: without a noted name a state and a sure name are enough", "[L1]") {
  auto file = was_buffer(State::own, 4);
  file.noted_name.reset();
  file.name = kSure;
  CHECK(verdict_on(file, sought()) == Verdict::to_forward);
  file.has_lock_file = true;  // another buffer, with an agent of its own
  CHECK(verdict_on(file, sought()) == Verdict::other);
  file.has_lock_file = false;
  file.name = "app-2.buf";  // another buffer perhaps, which waits for its agent
  CHECK(verdict_on(file, sought()) == Verdict::other);
  file.changed_ns = kNew;
  file.name = kLikely;
  CHECK(verdict_on(file, sought()) == Verdict::unseen);
}

TEST_CASE("one that was had as another buffer is left to that, whatever its name is") {
  auto file = was_buffer(GENERATE(State::own, State::none, State::copied, State::newer), 4);
  file.noted_name = "other.buf";
  file.name = GENERATE("app.buf.1", "app.buf.old", "whatever");
  file.changed_ns = kNew;
  CHECK(verdict_on(file, sought()) == Verdict::other);
}

TEST_CASE("L9: what --once had by hand is named to the buffer that it may have been, not taken",
          "[L9]") {
  auto file = was_buffer(State::own, 4);
  file.name = *(file.noted_name = "app.buf.1");
  file.perhaps_name = "app.buf";
  file.has_lock_file = GENERATE(true, false);
  CHECK(verdict_on(file, sought()) == Verdict::left);
  auto own = sought();
  own.name = "app.buf.1";
  CHECK(verdict_on(file, own) == Verdict::to_forward);
  auto other = sought();
  other.name = "app-2.buf";
  CHECK(verdict_on(file, other) == Verdict::other);
  auto beside = sought();
  beside.neighbours.insert("app.buf.1");  // a buffer of this agent, which finds it by itself
  CHECK(verdict_on(file, beside) == Verdict::other);
  file.bytes_left = 0;
  CHECK(verdict_on(file, sought()) == Verdict::other);
}

TEST_CASE("L2, L3: what none has ever had is taken under a sure name, if born since the look",
          "[L2][L3]") {
  struct Row {
    std::string name;
    std::int64_t born;
    Verdict verdict;
  };
  const auto row = GENERATE(values<Row>({
      {"app.buf.1", kNew, Verdict::to_forward},
      {"app.buf-20261130", kNew, Verdict::to_forward},
      {"app.buf.1", kLook, Verdict::to_forward},  // in the tick of the look
      {"app.buf.1", kLook - 1, Verdict::other},
      {"app.buf.old", kNew, Verdict::unseen},
      {"app.buf.old", kLook, Verdict::unseen},
      {"app.buf.old", kOld, Verdict::other},
      {"app.buf.1.gz", kNew, Verdict::unseen},
      {"app.1.buf", kNew, Verdict::unseen},
      {"app.buf-2", kNew, Verdict::unseen},
      {"whatever", kNew, Verdict::other},
  }));
  INFO(row.name << " born " << row.born);
  auto file = stranger(row.name, row.born);
  CHECK(verdict_on(file, sought()) == row.verdict);
  file.has_lock_file = true;  // perhaps another buffer
  CHECK(verdict_on(file, sought()) ==
        (row.verdict == Verdict::to_forward ? Verdict::unseen : row.verdict));
}

TEST_CASE("L2: where a time is kept in whole seconds, all of the second of the look is new",
          "[L2]") {
  constexpr std::int64_t kSecond = 1'000'000'000;
  auto late = sought();
  late.seen_ns = 7 * kSecond + 400;
  late.now_ns = 9 * kSecond;
  CHECK(verdict_on(stranger(kSure, 7 * kSecond), late) == Verdict::to_forward);
  CHECK(verdict_on(stranger(kSure, 7 * kSecond + 399), late) == Verdict::other);
  CHECK(verdict_on(stranger(kSure, 6 * kSecond), late) == Verdict::other);
}

TEST_CASE("L3: the lock file of one that was forwarded by hand hides no later one of its name",
          "[L3][L8]") {
  auto file = stranger(GENERATE("app.buf.1", "app.buf.old"), kNew);
  file.has_lock_file = true;
  CHECK(verdict_on(file, sought()) == Verdict::unseen);
  file = stranger(file.name, kOld);
  file.has_lock_file = true;
  CHECK(verdict_on(file, sought()) == Verdict::other);
}

TEST_CASE("L3: a copy that is written into the file of an earlier one is named, a rename is not",
          "[L3]") {
  auto file = stranger(GENERATE("app.buf.1", "app.buf.old"), kOld);
  file.changed_ns = kNew;
  CHECK(verdict_on(file, sought()) == Verdict::other);
  file.modified_ns = kNew;
  CHECK(verdict_on(file, sought()) == Verdict::unseen);
}

TEST_CASE("L3: where no birth is told, one that has changed is named", "[L3]") {
  auto file = stranger(GENERATE("app.buf.1", "app.buf.old"), 0);
  file.changed_ns = kOld;
  CHECK(verdict_on(file, sought()) == Verdict::other);
  file.changed_ns = kNew;
  CHECK(verdict_on(file, sought()) == Verdict::unseen);
}

TEST_CASE("L8: an empty stranger is nobody's, unless somebody has it open", "[L8]") {
  struct Row {
    std::string name;
    Open open;
    std::int64_t changed;
    Verdict verdict;
  };
  const auto row = GENERATE(values<Row>({
      {"app.buf.1", false, kNew, Verdict::other},
      {"app.buf.1", true, kNew, Verdict::to_forward},
      {"app.buf.old", true, kNew, Verdict::unseen},
      {"app.buf.1.gz", true, kNew, Verdict::unseen},  // its compressor has it
      {"app.buf.1", true, kOld, Verdict::other},
      {"app.buf.1", kNotTold, kNew, Verdict::to_forward},
      {"app.buf.1", kNotTold, kOld, Verdict::other},
  }));
  INFO(row.name << " changed " << row.changed);
  auto file = stranger(row.name, row.changed, row.open);
  file.bytes = file.bytes_left = 0;
  CHECK(verdict_on(file, sought()) == row.verdict);
}

TEST_CASE("the lease is taken on a file only where its answer matters") {
  auto file = stranger("app.buf.1", kNew);
  file.is_open = []() -> Open {
    FAIL("asked");
    return true;
  };
  CHECK(verdict_on(file, sought()) == Verdict::to_forward);
  file.name = kNoName;
  file.bytes = 0;
  CHECK(verdict_on(file, sought()) == Verdict::other);
  file = was_buffer(State::own, 4);
  file.is_open = nullptr;
  CHECK(verdict_on(file, sought()) == Verdict::to_forward);
}

TEST_CASE("L5: a copy of what was the buffer is named if it was made since the look", "[L5]") {
  auto file = was_buffer(State::copied, 4);
  CHECK(verdict_on(file, sought()) == Verdict::other);
  file.changed_ns = kNew;
  CHECK(verdict_on(file, sought()) == Verdict::copy);
  file.noted_name.reset();
  file.name = kSure;
  CHECK(verdict_on(file, sought()) == Verdict::copy);
  file.bytes_left = 0;
  CHECK(verdict_on(file, sought()) == Verdict::other);
}

TEST_CASE("L6: its quarantine that was rotated is named for as long as it holds something",
          "[L6]") {
  auto file = stranger(GENERATE("app.buf.quarantine.1", "app.buf.quarantine-20261130"), kOld);
  CHECK(verdict_on(file, sought()) == Verdict::quarantine);
  file.noted_name = "app.buf.quarantine";
  file.state = State::own;
  CHECK(verdict_on(file, sought()) == Verdict::quarantine);
  file.bytes_left = 0;
  CHECK(verdict_on(file, sought()) == Verdict::other);
}

TEST_CASE("L7: where no look is known all that is likely is undated, of any age", "[L7]") {
  auto unknown_look = sought();
  unknown_look.seen_ns.reset();
  auto file = stranger(GENERATE("app.buf.1", "app.buf.old", "app.buf.1.gz"), kOld);
  CHECK(verdict_on(file, unknown_look) == Verdict::undated);
  file.has_lock_file = true;
  CHECK(verdict_on(file, unknown_look) == Verdict::undated);
  CHECK(verdict_on(stranger(kNoName, kNew), unknown_look) == Verdict::other);
}

TEST_CASE("a look in a time to come makes all that is likely new, and takes none", "[L3]") {
  auto ahead = sought();
  ahead.seen_ns = kNow + 1;
  const auto changed = GENERATE(values<std::int64_t>({kOld, kNew, kNow + 2}));
  const auto file = stranger(GENERATE("app.buf.1", "app.buf.old"), changed);
  CHECK(verdict_on(file, ahead) == Verdict::unseen);
}

TEST_CASE("what the name of a neighbour fits better is that one's", "[L8]") {
  for (const auto* name : {"app-2-20261130.buf", "app-2.1.buf", "app-2.buf.1"}) {
    INFO(name);
    CHECK(verdict_on(stranger(name, kNew), sought()) == Verdict::other);
    auto of_the_neighbour = sought();
    of_the_neighbour.name = "app-2.buf";
    CHECK(verdict_on(stranger(name, kNew), of_the_neighbour) != Verdict::other);
  }
  auto alone = sought();
  alone.neighbours = {"app.buf"};
  CHECK(verdict_on(stranger("app-2-20261130.buf", kNew), alone) == Verdict::unseen);
}

TEST_CASE("L4: one that cannot be opened is judged by its name and its times", "[L4]") {
  struct Row {
    std::string name;
    std::uint64_t bytes;
    std::int64_t changed;
    bool may_not;
    Verdict verdict;
  };
  const auto row = GENERATE(values<Row>({
      {"app.buf.1", 4, kNew, true, Verdict::closed},
      {"app.buf.1", 4, kNew, false, Verdict::unknown},
      {"app.1.buf", 4, kNew, true, Verdict::closed},
      {"app.buf.1", 4, kOld, true, Verdict::other},
      {"app.buf.1", 0, kNew, true, Verdict::other},
      {"app.buf.old", 4, kNew, true, Verdict::unseen},
      {"app.buf.1.gz", 4, kNew, true, Verdict::unseen},
      {"whatever", 4, kNew, true, Verdict::other},
      {"app-2.buf.1", 4, kNew, true, Verdict::other},
  }));
  INFO(row.name << " changed " << row.changed);
  const ClosedBeside file{row.name, row.bytes, row.changed, row.may_not};
  CHECK(verdict_on(file, sought()) == row.verdict);
  auto unknown_look = sought();
  unknown_look.seen_ns.reset();
  const bool is_likely = row.name != "whatever" && row.name != "app-2.buf.1" && row.bytes > 0;
  CHECK(verdict_on(file, unknown_look) == (is_likely ? Verdict::undated : Verdict::other));
}

}  // namespace punchline
