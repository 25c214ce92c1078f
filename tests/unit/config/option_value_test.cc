#include "agent/config/option_value.h"

#include <array>

#include "tests/support/catch.h"

using namespace punchline;

TEST_CASE("sizes take units of 1024 or none") {
  CHECK(parse_bytes("0") == 0U);
  CHECK(parse_bytes("1000") == 1000U);
  CHECK(parse_bytes("64KiB") == 65536U);
  CHECK(parse_bytes("64 KiB") == 65536U);
  CHECK(parse_bytes("1MiB") == 1048576U);
  CHECK(parse_bytes("2GiB") == 2147483648U);
  CHECK(parse_bytes("16777215TiB") == 16777215ULL << 40);
  for (const auto* wrong : {"", "KiB", "-1", "1.5MiB", "64KB", "64kib", "1 0", "0x10", "1MiB "}) {
    INFO(wrong);
    CHECK_FALSE(parse_bytes(wrong));
  }
}

TEST_CASE("a number that does not fit 64 bits is no number") {
  CHECK(parse_bytes("18446744073709551615") == 18446744073709551615ULL);
  CHECK_FALSE(parse_bytes("18446744073709551616"));
  CHECK_FALSE(parse_bytes("16777216TiB"));
  CHECK_FALSE(parse_duration_ms("18446744073709551615"));
}

TEST_CASE("times are seconds unless a unit says otherwise") {
  CHECK(parse_duration_ms("5") == 5000U);
  CHECK(parse_duration_ms("5s") == 5000U);
  CHECK(parse_duration_ms("500ms") == 500U);
  CHECK(parse_duration_ms("2m") == 120'000U);
  CHECK(parse_duration_ms("1h") == 3'600'000U);
  CHECK(parse_duration_ms("0") == 0U);
  for (const auto* wrong : {"", "s", "-5", "5 seconds", "1.5", "5S", "5us"}) {
    INFO(wrong);
    CHECK_FALSE(parse_duration_ms(wrong));
  }
}

TEST_CASE("what is shown parses back to the same value") {
  CHECK(format_bytes(0) == "0");
  CHECK(format_bytes(1) == "1");
  CHECK(format_bytes(1025) == "1025B");
  CHECK(format_bytes(65536) == "64KiB");
  CHECK(format_bytes(1ULL << 40) == "1TiB");
  CHECK(format_duration_ms(0) == "0");
  CHECK(format_duration_ms(1500) == "1500ms");
  CHECK(format_duration_ms(5000) == "5s");
  CHECK(format_duration_ms(7'200'000) == "2h");
  for (std::uint64_t value = 1; value < (1ULL << 50); value = value * 3 + 1) {
    CHECK(parse_bytes(format_bytes(value)) == value);
    CHECK(parse_duration_ms(format_duration_ms(value)) == value);
  }
}
