// The whole agent under a random life, from one printed seed: producers, refusals, lost clients,
// crashes, failing filesystem calls. What must hold, holds at every crash and at the end.

#include "tests/unit/core/world.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "buffer/base/rarely.h"
#include "tests/support/catch.h"
#include "tests/support/seed.h"

using namespace punchline;
using punchline::testing::kUnsyncedKinds;
using punchline::testing::is_seed_given;
using punchline::testing::MemoryFile;
using punchline::testing::seed_of_run;
using punchline::testing::Unsynced;
using punchline::testing::World;

namespace {

class Life {
 public:
  enum class Producers : std::uint8_t { that_append, of_all_kinds };
  enum class Partitions : std::uint8_t { that_answer, that_fall_silent };
  Life(std::uint32_t seed, Producers producers, Partitions partitions = Partitions::that_answer)
      : random_(seed), silence_(seed), world_(1 + static_cast<std::int32_t>(random_() % 5), seed) {
    world_.config.stripe_bytes = 16U << (random_() % 10);
    world_.config.record_bytes_max = 4000;
    world_.limits.free_bytes_min = 1U << (6 + random_() % 8);
    world_.limits.ranges_max = random_() % 2 == 0 ? 4 : 1000;
    world_.limits.unfreed_bytes_max = random_() % 4 == 0 ? 8192 : 64 << 20;
    world_.limits.collapse = {4096, random_() % 3 == 0 ? 0 : 4096U << (random_() % 4), 0};
    world_.limits.collapse_retry_delay = std::chrono::seconds(1);
    world_.config.drain_rate = random_() % 8 == 0 ? 20'000 + random_() % 1'000'000 : 0;
    if (seed % 4 == 3) world_.config.order = Order::relaxed;
    falls_silent_ = partitions == Partitions::that_fall_silent;
    grows_ = seed % 6 == 5 || falls_silent_;
    if (seed % 5 == 2) world_.own_offset = true;
    if (producers == Producers::of_all_kinds) grow_ahead_or_start_over(seed);
    is_small_ = seed % 5 == 4 && !starts_over_ && world_.room_bytes == 0;
    if (is_small_) world_.file.set_space(4096U << (2 + seed % 4));
    world_.file.set_copies_on_write(seed % 3 == 1);
    world_.has_reserve = seed / 3 % 2 == 1;
    world_.limits.reserve_worth_bytes = 8192;
    // Who has it open for writing would be written over by the closing of a tail. So that stays
    // open, and if the fence could not be stored either, nobody would know where it was torn.
    world_.file.set_writers(world_.own_offset);
    world_.pool_bytes = random_() % 4 == 0 ? 1 : 1 << 20;
    world_.sink.moods.window = 1 + random_() % 50;
    world_.sink.moods.fail_percent = static_cast<int>(random_() % 20);
    world_.sink.moods.epoch_percent = static_cast<int>(random_() % 4);
    world_.sink.moods.report_percent = 30 + static_cast<int>(random_() % 70);
    if (random_() % 2 == 0) world_.format = Format::frames;
    world_.keyed = random_() % 2 == 0;
    world_.quarantines = random_() % 2 == 0;
    // Without attributes a buffer of which all is freed no longer knows its format.
    const bool forgets = random_() % 8 == 0 && !world_.own_offset;  // fences too: see below
    if (world_.format == Format::lines && forgets && !starts_over_) {
      world_.file.set_attributes_supported(false);
    }
    if (random_() % 8 == 0) world_.file.set_knows_holes(false);
    world_.sink.objects = [](const std::string& payload) { return payload.starts_with("poison "); };
  }

  void live(int actions) {
    world_.open();
    for (; actions > 0; --actions) {
      act();
      if (actions % 10 == 0) world_.pool().trim();
      if (actions % 40 == 0 && grows_) world_.add_partition();
    }
    world_.file.heal();
    world_.file.set_space(UINT64_MAX);
    world_.store.fails_add = world_.store.fails_sync = false;
    world_.sink.moods.fail_percent = 0;
    world_.sink.moods.epoch_percent = 0;
    world_.sink.mute.clear();
    world_.advance(std::chrono::seconds(20));
    world_.drain();
    let_seconds_pass(10);  // in which what was written below the front is found
    world_.drain();
    world_.check_all_arrived();
    world_.check_strays_seen();
    world_.check_nothing_freed_early();
    world_.check_set_aside_kept();
    world_.check_strays_kept();
    world_.check_honest();
  }

 private:
  // Of one producer that makes room ahead, or of one more that begins at offset 0.
  void grow_ahead_or_start_over(std::uint32_t seed) {
    starts_over_ = seed % 2 == 0;
    if (starts_over_) {
      world_.own_offset = false;
      world_.begins_anew = true;
    }
    if (starts_over_) return;
    world_.own_offset = true;
    world_.room_bytes = 512U << (seed / 2 % 8);
    world_.allocates_room = seed / 16 % 2 == 0;
    world_.pauses = seed / 32 % 2 == 0;
    writes_while_read_ = seed % 8 == 5 && !world_.pauses;
    if (seed / 64 % 2 == 0) world_.config.partial_timeout = std::chrono::seconds(1);
  }

  void act() {
    if (falls_silent_ && silence_() % 8 == 0) change_silence();
    if (starts_over_ && random_() % 8 == 0) return write_below();
    if (world_.room_bytes > 0 && random_() % 16 == 0) {
      return world_.append_behind_room("record " + std::to_string(next_++));
    }
    if (writes_while_read_ && random_() % 4 == 0) return turn_while_written();
    switch (random_() % 14) {
      case 0:
      case 1:
      case 2:
        return append_some();
      case 3:
        return append_oddities();
      case 4:
        world_.crash();
        world_.check_nothing_freed_early();
        world_.check_set_aside_kept();
        world_.check_strays_kept();
        if (random_() % 4 == 0) {
          ++world_.boot;
          if (world_.room_bytes > 0) world_.reopen();
        }
        if (starts_over_ && random_() % 2 == 0) put_below(true);
        // On a full disk neither fences nor salts of a copy might be noted; and one that is read
        // from 0 no longer knows where it was torn below its front (FORMAT.md, "Limits").
        if (random_() % 8 == 0 && !is_small_ && !world_.own_offset) world_.replace_by_copy();
        return world_.open();
      case 5:
        return world_.advance(std::chrono::milliseconds(random_() % 3000));
      case 6:
        return fail_something();
      case 7:
        return die();
      case 8:
        return lose_power();
      default:
        world_.turn(1 + static_cast<int>(random_() % 30));
        world_.check_honest();
    }
  }

  // One partition answers nothing for a while, or all do again. Seconds pass, so that the agent
  // sees it.
  void change_silence() {
    auto& mute = world_.sink.mute;
    if (!mute.empty() && silence_() % 2 == 0) {
      mute.clear();
    } else {
      const auto count = static_cast<std::uint32_t>(world_.sink.partitions());
      mute.insert(static_cast<std::int32_t>(silence_() % count));
    }
    if (world_.is_open() && silence_() % 2 == 0)
      let_seconds_pass(1 + static_cast<int>(silence_() % 8));
  }

  // The producer goes on in its room between two pages of a read.
  void turn_while_written() {
    auto pages = random_() % 20;
    const auto written = world_.written();
    const auto collapsed = world_.file.collapsed_bytes();
    world_.file.while_reading([&](std::uint64_t) {
      if (pages-- == 0) append_records();
    });
    world_.pipe().wake();
    world_.turn(1 + static_cast<int>(random_() % 10));
    world_.file.while_reading({});
    // What comes during the look before a collapse may be zeroed with it (FORMAT.md, "Limits").
    if (world_.file.collapsed_bytes() != collapsed) world_.forgive_strays_after(written);
  }

  // By kill -9 between any two operations, or by a power cut in the middle of a collapse.
  void die() {
    const bool power_cut = random_() % 2 == 0;
    if (power_cut) {
      world_.file.tear_collapse(random_() % 6);
    } else {
      world_.file.die(1 + random_() % 40);
    }
    for (int turns = 0; turns < 2000 && !world_.file.is_dead(); turns += 10) {
      world_.turn(10);
      world_.advance(std::chrono::milliseconds(50));
    }
    world_.file.keep_whole();
    world_.crash();
    world_.check_nothing_freed_early();
    world_.check_set_aside_kept();
    world_.check_strays_kept();
    if (power_cut) world_.boot_after_torn_collapse();
    world_.open();
    world_.check_nothing_freed_early();
    world_.check_set_aside_kept();
    world_.check_strays_kept();
  }

  // Between any two operations, with whatever was not synced kept, lost, or there in parts.
  void lose_power() {
    if (random_() % 2 == 0) world_.file.die(1 + random_() % 40);
    for (int turns = 0; turns < 200 && !world_.file.is_dead(); turns += 10)
      world_.turn(10);
    world_.crash();
    world_.cut_power(static_cast<Unsynced>(random_() % kUnsyncedKinds), random_);
    world_.check_nothing_freed_early();
    world_.check_set_aside_kept();
    world_.check_strays_kept();
    if (random_() % 2 == 0 && world_.may_append_first()) append_records();
    world_.open();
    world_.check_nothing_freed_early();
    world_.check_set_aside_kept();
    world_.check_strays_kept();
  }

  // Now and then the agent is left alone with it.
  void write_below() {
    put_below(random_() % 2 == 0);
    world_.pipe().wake();
    if (random_() % 2 == 0) world_.turn(1 + static_cast<int>(random_() % 30));
    if (random_() % 2 == 0) let_seconds_pass(2);
  }

  void put_below(bool starts_over) {
    if (!world_.may_append_first()) return;  // it would end in a torn line
    if (starts_over || !world_.may_go_on_below()) world_.start_over();
    std::vector<std::string> payloads;
    for (auto count = 1 + random_() % 40; count > 0; --count) {
      payloads.push_back("below " + std::to_string(next_++) + " " +
                         std::string(random_() % 300, 'b'));
    }
    world_.write_below(payloads);
    world_.check_strays_kept();
  }

  void let_seconds_pass(int seconds) {
    for (; seconds > 0; --seconds) {
      world_.pipe().wake();
      world_.advance(std::chrono::seconds(1));
      world_.turn(3);
    }
  }

  void append_records() {
    for (auto count = random_() % 40; count > 0; --count) {
      world_.append("record " + std::to_string(next_++) + " " + std::string(random_() % 300, 'x'));
    }
  }

  void append_some() {
    append_records();
    if (random_() % 4 == 0) world_.file.producer_syncs();
    world_.pipe().wake();
  }

  void append_oddities() {
    if (random_() % 3 == 0) {
      world_.append_undeliverable("large " + std::to_string(next_++) + std::string(4001, 'y'));
      return world_.pipe().wake();
    }
    // Of too many the topic is at fault.
    if (poisons_ < RefusalRate::kRefusedMax && random_() % 2 == 0) {
      world_.append_undeliverable("poison " + std::to_string(++poisons_));
      return world_.pipe().wake();
    }
    if (world_.format == Format::frames) return append_torn_frame();
    static const std::string kOddities[] = {"\n", "\n\n\n", std::string(7, '\0') + "\n",
                                            std::string(4001, 'y') + "\n"};
    world_.append_raw(kOddities[random_() % 4]);
    world_.pipe().wake();
  }

  // A writer that dies, or bytes that are no frame. Only once a record has told the format.
  void append_torn_frame() {
    if (world_.checkpoint().format() != Format::frames) return;
    const auto torn = world_.bytes_of("torn " + std::string(random_() % 5000, 'z'));
    const bool junk = random_() % 4 == 0;
    world_.append_raw(junk ? "junk" : torn.substr(0, 1 + random_() % (torn.size() - 1)));
    world_.pipe().wake();
  }

  void fail_something() {
    using Op = MemoryFile::Op;
    world_.file.heal();
    world_.store.fails_add = random_() % 4 == 0;
    world_.store.fails_sync = random_() % 4 == 0;
    const Op ops[] = {Op::punch,     Op::collapse, Op::set_attribute,
                      Op::sync_data, Op::read_at,  Op::next_data};
    const int codes[] = {EIO, ENOSPC};
    const auto op = ops[random_() % 6];
    if (op == Op::set_attribute && world_.own_offset) return;
    const auto how = random_() % 2 == 0 ? MemoryFile::How::once : MemoryFile::How::for_ever;
    // A start that cannot read the file ends the program, which is a story of its own.
    if (op == Op::read_at || op == Op::next_data) {
      world_.file.fail(op, EIO);
      world_.turn(3);
      world_.file.heal();
      return;
    }
    world_.file.fail(op, codes[random_() % 2], 1 + random_() % 5, how);
    world_.turn(20);
    world_.file.heal();
  }

  std::mt19937 random_;
  std::mt19937 silence_;  // apart, so that lives without it stay as they were
  World world_;
  bool grows_ = false;        // the topic gets more partitions
  bool starts_over_ = false;  // a producer begins at offset 0
  bool falls_silent_ = false;
  bool is_small_ = false;     // the disk
  bool writes_while_read_ = false;
  int next_ = 0;
  std::size_t poisons_ = 0;
};

// One alone where the seed is given.
void play_lives(Life::Producers producers, std::uint32_t first, int lives,
                Life::Partitions partitions = Life::Partitions::that_answer) {
  if (is_seed_given()) lives = 1;
  for (int i = 0; i < lives; ++i) {
    const auto seed = first + static_cast<std::uint32_t>(i);
    INFO("again with PUNCHLINE_SEED=" << seed);
    Life(seed, producers, partitions).live(120);
  }
}

}  // namespace

TEST_CASE("random lives: nothing is lost, invented, out of order or freed early") {
  play_lives(Life::Producers::that_append, static_cast<std::uint32_t>(seed_of_run()), 300);
}

// One makes room ahead, or one begins at offset 0.
TEST_CASE("random lives: the same with producers that do not append") {
  play_lives(Life::Producers::of_all_kinds, static_cast<std::uint32_t>(seed_of_run()), 100);
}

TEST_CASE("random lives: the same with partitions that fall silent, and others that are added") {
  play_lives(Life::Producers::that_append, static_cast<std::uint32_t>(seed_of_run()), 100,
             Life::Partitions::that_fall_silent);
}

TEST_CASE("lives that have found a fault once, and must hold since") {
  std::ifstream seeds(PUNCHLINE_SOURCE_DIR "/tests/sim.seeds");
  int lives = 0;
  for (std::string line; std::getline(seeds, line);) {
    const auto seed = static_cast<std::uint32_t>(std::strtoul(line.c_str(), nullptr, 10));
    if (seed == 0) continue;  // a comment
    INFO("again with PUNCHLINE_SEED=" << seed);
    Life(seed, Life::Producers::that_append).live(120);
    Life(seed, Life::Producers::of_all_kinds).live(120);
    ++lives;
  }
  CHECK(lives > 10);
}

// For tests/sim: as many as fit in the time given, of both kinds.
TEST_CASE("random lives for PUNCHLINE_SECONDS", "[.search]") {
  using Clock = std::chrono::steady_clock;
  const char* given = std::getenv("PUNCHLINE_SECONDS");
  REQUIRE(given != nullptr);
  const auto began = Clock::now();
  const auto until = began + std::chrono::seconds(std::strtoul(given, nullptr, 10));
  auto seed = static_cast<std::uint32_t>(seed_of_run());
  std::uint64_t lives = 0;
  for (; Clock::now() < until; lives += 3, ++seed) {
    INFO("again with PUNCHLINE_SEED=" << seed);
    Life(seed, Life::Producers::that_append).live(120);
    Life(seed, Life::Producers::of_all_kinds).live(120);
    Life(seed, Life::Producers::that_append, Life::Partitions::that_fall_silent).live(120);
  }
  std::printf("histories %llu\n", static_cast<unsigned long long>(lives));
  for (const auto& branch : rare_branches())
    std::printf("rare %llu %s\n", static_cast<unsigned long long>(branch.times), branch.text);
}
