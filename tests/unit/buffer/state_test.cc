#include "buffer/state.h"

#include <string>

#include "buffer/checkpoint.h"
#include "buffer/crc32c.h"
#include "buffer/little_endian.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"

using namespace punchline;

namespace {

State sample() {
  State state;
  for (std::size_t i = 0; i < state.uuid.size(); ++i) {
    state.uuid[i] = static_cast<std::uint8_t>(i * 17);
  }
  state.base = 1 << 20;
  state.front = 5'000'000'000;
  state.synced = 4'999'000'000;
  state.boot = 0x1122334455667788;
  state.identity = 0xdeadbeef;
  state.gap_seen = true;
  return state;
}

std::string of_version(char version, std::string bytes) {
  bytes[0] = version;
  const std::string_view whole = bytes;
  put_number(bytes, 4, crc32c(whole.substr(8), crc32c(whole.substr(0, 4))));
  return bytes;
}

}  // namespace

TEST_CASE("CRC-32C is the one of RFC 3720") {
  CHECK(crc32c("123456789") == 0xe3069283);
  CHECK(crc32c("6789", crc32c("12345")) == 0xe3069283);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aa);
}

TEST_CASE("a state comes back as it went, in 60 bytes") {
  const auto bytes = encode(sample());
  CHECK(bytes.size() == 60);
  State read;
  REQUIRE(decode(bytes, read) == Decoded::ok);
  CHECK(read == sample());
}

TEST_CASE("a state with any bit flipped is damaged, never another state", "[S8]") {
  const auto bytes = encode(sample());
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    State read;
    REQUIRE(decode(flipped, read) == Decoded::damaged);
    REQUIRE(read == State{});
  }
}

TEST_CASE("a state cut short or prolonged is damaged") {
  const auto bytes = encode(sample());
  State read;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE(decode(bytes.substr(0, size), read) == Decoded::damaged);
  }
  CHECK(decode(bytes + '\0', read) == Decoded::damaged);
}

TEST_CASE("a sound state of a newer version is told from a damaged one", "[S9]") {
  State read;
  CHECK(decode(of_version(3, encode(sample()) + "more"), read) == Decoded::newer_version);
}

TEST_CASE("a state of a newer version is refused by a start, and stays as it is", "[S9]") {
  punchline::testing::MemoryFile file("one\n");
  const auto newer = of_version(3, encode(sample()));
  REQUIRE(file.set_attribute(kStateAttribute, newer).ok());
  Checkpoint checkpoint(file, {.boot = 1});
  const auto report = checkpoint.start();
  REQUIRE(!report.ok());
  CHECK(report.error().kind() == ErrorKind::refused);
  CHECK(**file.attribute(kStateAttribute) == newer);
  CHECK(file.text() == "one\n");
}

TEST_CASE("a state of version 1 is read, and known for one; below is damage") {
  const auto older = of_version(1, encode(sample()));
  State read;
  REQUIRE(decode(older, read) == Decoded::ok);
  CHECK(read == sample());
  CHECK(is_of_older_version(older));
  CHECK_FALSE(is_of_older_version(encode(sample())));
  CHECK(decode(of_version(0, encode(sample())), read) == Decoded::damaged);
}

TEST_CASE("a state of version 1 is replaced by a start, whatever else that finds") {
  punchline::testing::MemoryFile file;
  file.producer_appends("one\ntwo\n");
  const StartFacts facts{.boot = 1};
  {
    Checkpoint checkpoint(file, facts);
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.move_front(4).ok());
  }
  const auto older = of_version(1, **file.attribute(kStateAttribute));
  REQUIRE(file.set_attribute(kStateAttribute, older).ok());
  Checkpoint checkpoint(file, facts);
  REQUIRE(checkpoint.start().ok());
  CHECK(checkpoint.front() == 4);
  CHECK_FALSE(is_of_older_version(**file.attribute(kStateAttribute)));
}

TEST_CASE("fences come back; beyond the maximum the lowest go") {
  std::vector<Position> fences{5, 70'000'000'000, 70'000'000'001};
  std::vector<Position> read;
  REQUIRE(decode_fences(encode_fences(fences), read) == Decoded::ok);
  CHECK(read == fences);
  auto flipped = encode_fences(fences);
  flipped[9] = static_cast<char>(flipped[9] ^ 4);
  CHECK(decode_fences(flipped, read) == Decoded::damaged);
  fences.clear();
  for (std::uint64_t at = 0; at < kFencesMax + 3; ++at)
    fences.emplace_back(at * 10);
  REQUIRE(decode_fences(encode_fences(fences), read) == Decoded::ok);
  CHECK(read.size() == kFencesMax);
  CHECK(read.front() == 30);
  CHECK(read.back() == fences.back());
}

TEST_CASE("a spread comes back, also as earlier programs wrote it") {
  const Spread spread{3, 77, 65'536, "json /user"};
  Spread read;
  auto bytes = encode_spread(spread);
  REQUIRE(decode_spread(bytes, read) == Decoded::ok);
  CHECK(read == spread);
  bytes[14] = static_cast<char>(bytes[14] ^ 4);
  CHECK(decode_spread(bytes, read) == Decoded::damaged);
  const auto earlier = encode_spread({3, 77});
  CHECK(earlier.size() == 12);
  REQUIRE(decode_spread(earlier, read) == Decoded::ok);
  CHECK(read == Spread{3, 77});
  for (std::size_t size = 0; size < 12; ++size)
    CHECK(decode_spread(std::string(size, 'x'), read) == Decoded::damaged);
}

TEST_CASE("names of numbers") {
  CHECK(to_string(sample().uuid) == "00112233-4455-6677-8899-aabbccddeeff");
  CHECK(fold_boot_id("00000000-0000-0001-0000-000000000003") == 2);
  CHECK(fold_boot_id("5f0c0e3a-1f0e-4a55-9f0e-0a0b0c0d0e0f") != 0);
  CHECK(fold_identity(12, 99) != fold_identity(12, 98));
  CHECK(fold_identity(12, 99) != fold_identity(13, 99));
}
