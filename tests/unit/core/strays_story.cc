#include "tests/unit/core/strays_story.h"

#include <algorithm>

#include "tests/support/catch.h"

namespace punchline::testing {

using namespace std::chrono_literals;

std::string run(const std::string& name, int lines) {
  std::string text;
  for (int i = 0; i < lines; ++i)
    text += name + " " + std::to_string(10'000 + i) + "\n";
  return text;
}

void rest(World& world, int seconds) {
  for (; seconds > 0; --seconds) {
    world.pipe().wake();
    world.drain();
    world.advance(1s);
    world.turn(3);
  }
  world.drain();
}

void pass(World& world, int seconds) {
  for (; seconds > 0; --seconds) {
    world.pipe().wake();
    world.turn(3);
    world.advance(1s);
  }
}

Story::Story(int lines) : world(1, 1) {
  world.quarantines = true;
  world.open();
  world.append_raw(run("first", lines));
  rest(world);
  delivered = world.sink.log(0).size();
  REQUIRE(delivered == static_cast<std::size_t>(lines));
}

std::size_t Story::told() const {
  return static_cast<std::size_t>(
      std::count_if(world.log.lines.begin(), world.log.lines.end(), [](const auto& line) {
        return line.find("written_below_front") != std::string::npos &&
               line.find("append:") != std::string::npos;
      }));
}

bool Story::has_kept(const std::string& part) const {
  return std::any_of(world.store.contents.begin(), world.store.contents.end(),
                     [&](const auto& content) { return content.find(part) != content.npos; });
}

}  // namespace punchline::testing
