#include "agent/commands/line_splitter.h"

#include <vector>

#include "tests/support/catch.h"

using namespace punchline;

namespace {

/// All lines of `text` fed in pieces of `piece` bytes, written as "number:text" or "number>bytes".
std::vector<std::string> split(std::string_view text, std::size_t piece, std::size_t limit) {
  LineSplitter lines(limit);
  std::vector<std::string> found;
  const auto take = [&](const LineSplitter::Line& line) {
    const auto number = std::to_string(line.number);
    found.push_back(line.too_long ? number + ">" + std::to_string(line.bytes)
                                  : number + ":" + std::string(line.text));
    CHECK((line.too_long || line.bytes == line.text.size()));
  };
  for (std::size_t at = 0; at < text.size(); at += piece) {
    lines.feed(text.substr(at, piece));
    while (const auto line = lines.next()) {
      take(*line);
    }
  }
  if (const auto last = lines.finish()) take(*last);
  CHECK_FALSE(lines.finish().has_value());
  return found;
}

}  // namespace

TEST_CASE("lines are the same however the bytes arrive") {
  const std::string text = "one\n\ntwo\r\nmuch too long\nfits.\nlast";
  const std::vector<std::string> expected{"1:one", "2:", "3:two\r", "4>13", "5:fits.", "6:last"};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    INFO("pieces of " << piece);
    CHECK(split(text, piece, 5) == expected);
  }
}

TEST_CASE("a newline at the end begins no further line") {
  CHECK(split("", 1, 5).empty());
  CHECK(split("a\n", 1, 5) == std::vector<std::string>{"1:a"});
  CHECK(split("a\n\n", 1, 5) == std::vector<std::string>{"1:a", "2:"});
}

TEST_CASE("an endless line takes no memory and keeps its length") {
  LineSplitter lines(100'000);
  const std::string piece(1 << 16, 'x');
  for (int i = 0; i < 1'000; ++i) {
    lines.feed(piece);
    CHECK_FALSE(lines.next().has_value());
  }
  CHECK(lines.unfinished_bytes() == 65'536'000);
  CHECK(lines.held_bytes() <= 200'000);
  lines.feed("\nshort\n");
  const auto endless = lines.next();
  REQUIRE(endless.has_value());
  CHECK(endless->too_long);
  CHECK(endless->bytes == 65'536'000);
  CHECK(lines.next()->text == "short");
}
