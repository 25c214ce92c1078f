#include "buffer/frame.h"

#include <string>

#include "tests/support/catch.h"

using namespace punchline;

namespace {

FrameRecord sample() {
  FrameRecord record;
  record.payload = "{\"level\":\"info\"}\n\0two lines";
  record.key = "user-7";
  record.headers = {{"host", "a"}, {"empty", ""}, {"null", std::nullopt}};
  record.timestamp_ms = 1'764'000'000'123;
  return record;
}

std::string encoded(const FrameRecord& record, std::uint32_t salt = 42) {
  std::string bytes;
  encode_frame(record, salt, bytes);
  return bytes;
}

}  // namespace

TEST_CASE("a frame comes out as it went in") {
  const auto record = sample();
  const auto bytes = encoded(record);
  FrameHead head;
  REQUIRE(decode_frame(bytes, head) == FrameFound::frame);
  CHECK(head.frame_bytes == bytes.size());
  CHECK(head.salt == 42);
  CHECK(head.timestamp_ms == record.timestamp_ms);
  CHECK(head.has_key);
  CHECK(bytes.substr(kFrameHeadBytes, head.key_bytes) == "user-7");
  CHECK(bytes.substr(head.payload(), head.payload_bytes()) == record.payload);
  CHECK(head.record_bytes() == record_bytes_of(record));
  std::vector<FrameRecord::Header> headers;
  decode_frame_headers(std::string_view(bytes).substr(head.headers(), head.headers_bytes), headers);
  REQUIRE(headers.size() == 3);
  CHECK(headers[0].name == "host");
  CHECK(headers[0].value == "a");
  CHECK(headers[1].value == "");
  CHECK_FALSE(headers[2].value.has_value());
}

TEST_CASE("no key is not an empty key, and an empty payload is a record") {
  FrameHead head;
  REQUIRE(decode_frame(encoded({}), head) == FrameFound::frame);
  CHECK_FALSE(head.has_key);
  CHECK(head.payload_bytes() == 0);
  CHECK(head.timestamp_ms == FrameRecord::kNoTimestamp);
  FrameRecord keyed;
  keyed.key = "";
  REQUIRE(decode_frame(encoded(keyed), head) == FrameFound::frame);
  CHECK(head.has_key);
  CHECK(head.key_bytes == 0);
}

TEST_CASE("every beginning of a frame is told from a whole one and from none", "[N5]") {
  const auto bytes = encoded(sample());
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    FrameHead head;
    INFO(length);
    const auto found = decode_frame(std::string_view(bytes).substr(0, length), head);
    CHECK(found == (length < kFrameHeadBytes ? FrameFound::too_short : FrameFound::head));
  }
}

TEST_CASE("any one bit that is wrong is noticed", "[N2]") {
  const auto bytes = encoded(sample());
  for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    auto flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    FrameHead head;
    INFO("bit " << bit);
    CHECK(decode_frame(flipped, head) != FrameFound::frame);
  }
}

TEST_CASE("a frame of another version is none") {
  auto bytes = encoded(sample());
  bytes[3] = 2;
  FrameHead head;
  CHECK(decode_frame(bytes, head) == FrameFound::none);
}

TEST_CASE("the marker holds no NUL, and no part of it begins it") {
  CHECK(kFrameMarker.size() == 4);
  CHECK(kFrameMarker.find('\0') == std::string_view::npos);
  CHECK(kFrameMarker.find(kFrameMarker[0], 1) == std::string_view::npos);
}
