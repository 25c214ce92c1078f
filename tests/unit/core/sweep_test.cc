// One story, ended after each of its operations in turn: by a power cut, by kill -9, by a call that
// fails once or from then on. What must hold, holds afterwards.

#include <cerrno>
#include <random>

#include "tests/support/catch.h"
#include "tests/unit/core/world.h"

namespace punchline::testing {
namespace {

class Story {
 public:
  explicit Story(Format format) : world(2, 7) {
    world.format = format;
    world.quarantines = true;
    world.config.record_bytes_max = 2000;
    world.limits.free_bytes_min = 512;
    world.limits.collapse = {4096, 8192, 0};
    world.limits.collapse_retry_delay = std::chrono::seconds(1);
    world.sink.moods.window = 7;
    world.sink.moods.fail_percent = 10;
    world.open();
  }

  /// Enough for records read, confirmed, set aside, freed, synced, and the file collapsed.
  void tell() {
    for (int chapter = 0; chapter < 3; ++chapter) {
      append(40);
      world.append_undeliverable("large " + std::to_string(++number_) + std::string(2001, 'y'));
      if (chapter == 1) world.file.producer_syncs();
      world.turn(60);
      world.advance(std::chrono::seconds(2));
      world.turn(20);
    }
  }

  /// All is well again, and more is appended.
  void end() {
    world.file.heal();
    world.sink.moods.fail_percent = 0;
    // Who cannot tell whether a collapse took place opens the buffer anew.
    if (world.pipe().shrunk()) {
      world.crash();
      world.open();
    }
    world.check_nothing_freed_early();
    world.check_set_aside_kept();
    append(5);
    world.advance(std::chrono::seconds(20));
    world.drain();
    world.check_all_arrived();
    world.check_nothing_freed_early();
    world.check_set_aside_kept();
    world.check_honest();
  }

  void append_records(int count) {
    for (; count > 0; --count) {
      ++number_;
      world.append("record " + std::to_string(number_) + std::string(number_ * 37 % 300, 'x'));
    }
  }

  World world;

 private:
  void append(int count) {
    append_records(count);
    world.pipe().wake();
  }

  std::size_t number_ = 0;
};

}  // namespace

TEST_CASE("the power goes after every operation", "[K1][K2][K14]") {
  const auto format = GENERATE(Format::lines, Format::frames);
  const auto how = GENERATE(Unsynced::kept, Unsynced::lost, Unsynced::some, Unsynced::torn);
  bool ended = false;
  std::mt19937 random(1);
  for (std::uint64_t n = 1; !ended; ++n) {
    INFO(name_of(format) << ", unsynced " << static_cast<int>(how) << ", operation " << n);
    Story story(format);
    story.world.file.die(n);
    story.tell();
    ended = !story.world.file.is_dead();
    story.world.crash();
    story.world.cut_power(how, random);
    if (n % 2 == 0 && story.world.may_append_first()) story.append_records(40);
    story.world.open();
    story.end();
  }
}

TEST_CASE("kill -9 after every operation", "[K3]") {
  const auto format = GENERATE(Format::lines, Format::frames);
  bool ended = false;
  for (std::uint64_t n = 1; !ended; ++n) {
    INFO(name_of(format) << ", operation " << n);
    Story story(format);
    story.world.file.die(n);
    story.tell();
    ended = !story.world.file.is_dead();
    story.world.crash();
    story.world.open();
    story.end();
  }
}

TEST_CASE("every operation fails, once or from then on, by each error", "[E1][E2]") {
  const auto format = GENERATE(Format::lines, Format::frames);
  const auto how = GENERATE(MemoryFile::How::once, MemoryFile::How::for_ever);
  const auto code = GENERATE(EIO, ENOSPC, EDQUOT, EINTR, ENOMEM, EPERM, EROFS, EOPNOTSUPP);
  std::uint64_t operations = 0;
  {
    Story story(format);
    story.tell();
    operations = story.world.file.operations();
  }
  for (std::uint64_t n = 1; n <= operations; ++n) {
    INFO(name_of(format) << ", errno " << code << ", for ever " << static_cast<int>(how)
                         << ", operation " << n);
    Story story(format);
    story.world.file.fail_any(code, n, how);
    story.tell();
    story.end();
  }
}

}  // namespace punchline::testing
