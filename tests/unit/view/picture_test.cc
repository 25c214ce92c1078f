#include "agent/view/picture.h"

#include "tests/support/catch.h"

using namespace punchline;
using Mark = Picture::Mark;

TEST_CASE("a small file has a character a byte") {
  Picture picture({100, 110});
  picture.add({100, 103}, Mark::freed);
  picture.add({103, 105}, Mark::done);
  picture.add({105, 109}, Mark::waiting);
  CHECK(picture.line() == "...--#### ");
  CHECK(picture.legend() == "1 byte each;  . freed  - done, not yet freed  # waiting");
}

TEST_CASE("a large file has 64 characters at most, and all of it is shown") {
  for (const std::uint64_t size : {64ULL, 65ULL, 127ULL, 1'000'000ULL, 5ULL << 40}) {
    INFO(size);
    Picture picture(positions(0, size));
    picture.add(positions(0, size), Mark::freed);
    picture.add(positions(size - 1, size), Mark::waiting);
    const auto line = picture.line();
    CHECK(line.size() <= Picture::kColumns);
    CHECK(line.size() > Picture::kColumns / 2 - 1);
    CHECK(line == std::string(line.size() - 1, '.') + "#");
  }
}

TEST_CASE("what matters most is shown, whatever came first") {
  Picture picture({0, 6400});
  picture.add({150, 151}, Mark::set_aside);
  picture.add({0, 6400}, Mark::waiting);
  picture.add({0, 200}, Mark::freed);
  CHECK(picture.line() == "#!" + std::string(62, '#'));
}

TEST_CASE("outside of the extent nothing is drawn") {
  Picture picture({10, 20});
  picture.add({0, 10}, Mark::waiting);
  picture.add({20, 99}, Mark::waiting);
  picture.add({15, 15}, Mark::waiting);
  CHECK(picture.line() == std::string(10, ' '));
  picture.add({0, 99}, Mark::freed);
  CHECK(picture.line() == std::string(10, '.'));
  CHECK(Picture(ByteRange{}).line().empty());
}

TEST_CASE("amounts are said in three digits") {
  CHECK(human_bytes(0) == "0 bytes");
  CHECK(human_bytes(1) == "1 byte");
  CHECK(human_bytes(1023) == "1023 bytes");
  CHECK(human_bytes(1024) == "1 KiB");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes(100 * 1024 + 512) == "100 KiB");
  CHECK(human_bytes(999 * 1024) == "999 KiB");
  CHECK(human_bytes(1020 * 1024) == "1020 KiB");
  CHECK(human_bytes((1 << 20) - 1) == "1 MiB");
  CHECK(human_bytes(5ULL << 40) == "5 TiB");
}
