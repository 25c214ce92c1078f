#include "agent/config/listen_address.h"

#include "tests/support/catch.h"

using namespace punchline;

TEST_CASE("an address and its text") {
  const auto same = [](const char* text) {
    const auto address = parse_listen_address(text);
    return address ? format_address(*address) : "none";
  };
  CHECK(same("127.0.0.1:9377") == "127.0.0.1:9377");
  CHECK(same("localhost:0") == "localhost:0");
  CHECK(same("[::1]:65535") == "[::1]:65535");
  for (const auto* wrong : {"", ":", ":1", "1", "h:", "h:65536", "h:-1", "h:1x", "::1:80", "[]:1",
                            "[::1]", "[::1]80"}) {
    INFO(wrong);
    CHECK(same(wrong) == "none");
  }
  CHECK(parse_listen_address("[::1]:5")->host == "::1");
}
