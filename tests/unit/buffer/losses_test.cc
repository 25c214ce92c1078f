#include "buffer/losses.h"

#include <limits>

#include <catch2/catch.hpp>

#include "buffer/state.h"
#include "tests/support/memory_file.h"

namespace punchline::testing {
namespace {

Losses one(LossReason reason, Loss loss) {
  Losses losses{};
  loss_of(losses, reason) = loss;
  return losses;
}

}  // namespace

TEST_CASE("what is lost adds up on the file, reason by reason", "[G1][G2][G3][G4]") {
  MemoryFile file;
  CHECK_FALSE(is_any(*noted_losses(file)));
  REQUIRE(note_losses(file, one(LossReason::truncated, {1, 3, 120})).ok());
  REQUIRE(note_losses(file, one(LossReason::dropped, {1, 5, 50})).ok());
  REQUIRE(note_losses(file, one(LossReason::truncated, {1, 0, 7})).ok());
  CHECK(**file.attribute(kLostAttribute) ==
        "truncated times=2 records=3 bytes=127\ndropped times=1 records=5 bytes=50\n");
  CHECK(text_of(*noted_losses(file)) ==
        "truncated: 3 known records, up to 127 bytes; dropped: 5 known records, up to 50 bytes");
}

TEST_CASE("an operator who removes the attribute has it forgotten") {
  MemoryFile file;
  REQUIRE(note_losses(file, one(LossReason::truncated, {1, 3, 120})).ok());
  REQUIRE(file.remove_attribute(kLostAttribute).ok());
  REQUIRE(note_losses(file, one(LossReason::deleted, {1, 1, 1})).ok());
  CHECK(**file.attribute(kLostAttribute) == "deleted times=1 records=1 bytes=1\n");
}

TEST_CASE("lines that do not read are passed over, counts stop at their largest") {
  MemoryFile file;
  const auto stands = GENERATE("truncated", "truncated times=1 records=2 bytes=3 more\n",
                               "truncated times=x records=2 bytes=3\n", "stolen times=1",
                               "truncated times=99999999999999999999999 records=2 bytes=3\n",
                               "\n\n truncated times=1 records=2 bytes=3");
  REQUIRE(file.set_attribute(kLostAttribute, stands).ok());
  CHECK_FALSE(is_any(*noted_losses(file)));
  REQUIRE(note_losses(file, one(LossReason::truncated, {1, 2, 3})).ok());
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  REQUIRE(note_losses(file, one(LossReason::truncated, {1, kMost, kMost})).ok());
  CHECK(loss_of(*noted_losses(file), LossReason::truncated).bytes == kMost);
}

}  // namespace punchline::testing
