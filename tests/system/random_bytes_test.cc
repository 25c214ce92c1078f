// Any bytes at all in the file, through the real program: what is a record arrives, what is none is
// kept where an operator can see it, and nothing ends in a crash.

#include <random>

#include "buffer/frame.h"
#include "buffer/posix_file.h"
#include "tests/support/frames.h"
#include "tests/support/seed.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

constexpr int kFiles = 12;

char any_byte(std::mt19937_64& random) {
  // NUL, newline and the marker's first byte more often than chance would have it.
  constexpr std::string_view kOften("\0\n\xa9x", 4);
  const auto pick = between(random, 0, 99);
  return pick < 20 ? kOften[pick % kOften.size()] : static_cast<char>(between(random, 0, 255));
}

std::string any_bytes(std::mt19937_64& random, std::size_t bytes_max) {
  std::string bytes(between(random, 1, bytes_max), '\0');
  for (auto& byte : bytes)
    byte = any_byte(random);
  return bytes;
}

/// What format lines makes of a text of which nothing is doubted: each line that holds more than
/// NULs, a newline behind each.
std::string records_of(std::string_view text) {
  std::string records;
  for (auto end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    const auto line = text.substr(0, end + 1);
    if (line.find_first_not_of(std::string_view("\0\n", 2)) != line.npos) records += line;
    text.remove_prefix(end + 1);
  }
  return records;
}

std::string hex_of(std::string_view bytes) {
  std::string hex;
  for (const auto byte : bytes) {
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) >> 4U];
    hex += "0123456789abcdef"[static_cast<unsigned char>(byte) & 15U];
  }
  return hex;
}

struct Piece {
  std::string bytes;
  bool sound = true;  // a frame that nothing happened to
};

/// Frames, some of them damaged, junk between some.
class Frames {
 public:
  Frames(std::mt19937_64& random, std::uint32_t salt) : random_(random), salt_(salt) {}

  void add(int number) {
    const auto payload = std::to_string(number) + " " + std::string(between(random_, 0, 400), 'p');
    Piece piece;
    FrameRecord record;
    record.payload = payload;
    if (number % 3 == 0) record.key = "a key";
    encode_frame(record, salt_, piece.bytes);
    if (number > 0) damage(piece);
    if (piece.sound) payloads += payload + "\n";
    pieces.push_back(std::move(piece));
    if (number > 0 && between(random_, 0, 9) == 0) pieces.push_back({junk(), false});
  }

  std::vector<Piece> pieces;
  std::string payloads;

 private:
  void damage(Piece& piece) {
    const auto kind = between(random_, 0, 29);
    if (kind > 2) return;
    piece.sound = false;
    const auto at = between(random_, 0, piece.bytes.size() - 1);
    if (kind == 0) piece.bytes[at] ^= static_cast<char>(1U << between(random_, 0, 7));
    if (kind == 1) piece.bytes.resize(std::max<std::size_t>(at, 1));
    if (kind == 2) piece.bytes.erase(at, 1);
  }

  // With something in it besides NULs, which are nothing.
  std::string junk() { return "j" + any_bytes(random_, 3000) + "k"; }

  std::mt19937_64& random_;
  std::uint32_t salt_;
};

}  // namespace

TEST_CASE("lines of any bytes arrive as they are") {
  auto random = seeded_random();
  for (int i = 0; i < kFiles; ++i) {
    Place place;
    const auto text = "first\n" + any_bytes(random, 200'000) + "\n";
    write_file(place.buffer, text);
    const auto once = place.once();
    INFO(once.err);
    REQUIRE(once.exit.code == 0);
    REQUIRE(place.delivered() == records_of(text));
    CHECK(inspect(place.buffer).waiting_bytes == 0);
  }
}

TEST_CASE("frames between damage and junk arrive, and the rest is kept byte for byte") {
  auto random = seeded_random();
  for (int i = 0; i < kFiles; ++i) {
    Place place;
    write_file(place.buffer, "");
    Frames frames(random, salt_of(**PosixFile::open(place.buffer)));
    for (int number = 0; number < 300; ++number)
      frames.add(number);
    std::string text;
    for (const auto& piece : frames.pieces)
      text += piece.bytes;
    place.append(text);
    const auto once = place.once();
    INFO(once.err);
    REQUIRE(once.exit.code == 65);
    REQUIRE(place.delivered() == frames.payloads);
    const auto kept = read_file(place.quarantine) + read_file(place.buffer);
    for (const auto& piece : frames.pieces) {
      if (piece.sound) continue;
      // NULs before a frame are nothing.
      const auto what = piece.bytes.substr(0, piece.bytes.find_last_not_of('\0') + 1);
      INFO(piece.bytes.size() << " bytes from 0x" << hex_of(what));
      REQUIRE(kept.find(what) != std::string::npos);
    }
  }
}

TEST_CASE("whatever a file begins with, the program ends by itself and says why") {
  auto random = seeded_random();
  for (int i = 0; i < kFiles; ++i) {
    Place place;
    auto bytes = any_bytes(random, 5'000);
    if (i % 2 == 0) bytes.replace(0, kFrameMarker.size(), kFrameMarker);
    write_file(place.buffer, bytes);
    const auto once = place.once();
    INFO(once.err);
    CHECK(once.exit.signal == 0);
    CHECK((once.exit.code == 0 || once.exit.code == 65 || once.exit.code == 78));
    if (once.exit.code == 78) CHECK(read_file(place.buffer) == bytes);
    const auto view = run(punchline({"inspect", place.buffer, "--json"}));
    CHECK((view.exit.code == 0 || view.exit.code == 65));
  }
}

}  // namespace punchline::testing
