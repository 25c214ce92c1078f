// The logical size stays small where the filesystem can collapse: real files, real agent.

#include <atomic>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "tests/support/fs_mounts.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

constexpr std::uint64_t kMib = 1024 * 1024;

struct Kind {
  const char* type;
  std::uint64_t bytes;
  bool collapses;
};
constexpr Kind kKinds[] = {{"ext4", 64 * kMib, true},
                           {"xfs", 320 * kMib, true},
                           {"btrfs", 256 * kMib, false},
                           {"tmpfs", 64 * kMib, false}};

/// `on` is called with the folder of a new filesystem of each kind.
template <class On>
void on_each(On on) {
  FsMounts mounts;
  int tried = 0;
  for (const auto& kind : kKinds) {
    INFO(kind.type);
    const auto folder = mounts.mount(kind.type, kind.bytes);
    if (folder.empty()) {
      std::cerr << "left out: " << kind.type << ": " << mounts.why() << "\n";
      continue;
    }
    ++tried;
    on(kind, folder);
  }
  if (tried == 0) std::cerr << "no filesystem could be mounted: nothing tested\n";
}

/// An agent that collapses early, on a buffer in `folder`.
struct Bench : Place {
  explicit Bench(const std::string& folder_of_buffer) {
    buffer = folder_of_buffer + "/buffer";
    quarantine = buffer + ".quarantine";
    setup.buffer = buffer;
    write_file(buffer, "");  // whoever inspects it need not wait for the agent or the producer
    setup.before = {"env", "PUNCHLINE_COLLAPSE_BYTES_MIN=64KiB"};
  }
};

std::string line(int number) {
  return "line " + std::to_string(number) + " " + std::string(number % 300, 'x') + "\n";
}

}  // namespace

TEST_CASE("with a producer at work and kills in between every line arrives once more at most") {
  on_each([](const Kind& kind, const std::string& folder) {
    Bench bench(folder);
    std::atomic<bool> stop = false;
    int lines = 0;
    std::thread producer([&] {
      std::ofstream out(bench.buffer, std::ios::binary | std::ios::app);
      for (; !stop; ++lines) {
        out << line(lines) << std::flush;
        if (lines % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
    });
    for (int life = 0; life < 5; ++life) {
      Agent agent(bench.setup);
      const auto from = inspect(bench.buffer).front;
      CHECK(eventually(seconds(30), [&] { return inspect(bench.buffer).front > from + kMib / 2; }));
      agent.kill9();
    }
    stop = true;
    producer.join();
    Agent agent(bench.setup);
    REQUIRE(agent.drains());
    if (kind.collapses) {
      CHECK(eventually(seconds(20),
                       [&] { return inspect(bench.buffer).logical_bytes < 128 * 1024; }));
      CHECK(agent.metric("punchline_base_position") >= 2 * kMib);
    } else {
      CHECK(agent.metric("punchline_base_position") == 0);
    }
    CHECK(agent.metric("punchline_set_aside_records") == 0);
    CHECK(agent.stop().code == 0);
    const auto sound = run(punchline({"verify", bench.buffer}));
    INFO(sound.out << sound.err);
    CHECK(sound.exit.code == 0);

    // First arrivals in order, none missing, nothing else.
    std::istringstream delivered(bench.delivered());
    int next = 0;
    for (std::string text; std::getline(delivered, text);) {
      const int number = std::stoi(text.substr(5));
      REQUIRE(text + "\n" == line(number));
      REQUIRE(number <= next);
      if (number == next) ++next;
    }
    CHECK(next == lines);
  });
}

TEST_CASE("a producer without O_APPEND is recognised by its gap, and never collapsed under again") {
  on_each([](const Kind& kind, const std::string& folder) {
    if (!kind.collapses) return;
    Bench bench(folder);
    std::ofstream producer(bench.buffer, std::ios::binary);
    int lines = 0;
    const auto produce = [&](std::uint64_t bytes) {
      for (std::uint64_t done = 0; done < bytes; ++lines) {
        producer << line(lines);
        done += line(lines).size();
      }
      producer << std::flush;
    };
    Agent agent(bench.setup);
    produce(kMib);
    REQUIRE(agent.drains());
    // The figures are shown later than the log.
    REQUIRE(eventually(seconds(20), [&] { return agent.metric("punchline_base_position") > 0; }));
    const auto base = agent.metric("punchline_base_position");
    produce(kMib);  // at its old offset: a gap
    REQUIRE(agent.logs("gap"));
    REQUIRE(agent.drains());
    produce(kMib);
    REQUIRE(agent.drains());
    CHECK(agent.metric("punchline_set_aside_records") == 1);
    CHECK(agent.metric("punchline_base_position") == base);
    CHECK(agent.stop().code == 0);

    std::istringstream delivered(bench.delivered());
    int count = 0;
    for (std::string text; std::getline(delivered, text); ++count)
      CHECK(text + "\n" == line(std::stoi(text.substr(5))));
    CHECK(count == lines - 1);
    const auto kept = run(punchline({"requeue", bench.quarantine, bench.buffer, "--force"}));
    INFO(kept.err);
    CHECK(kept.exit.code == 0);
    CHECK(bench.once().exit.code == 0);
    const auto all = bench.delivered();
    CHECK(static_cast<int>(std::count(all.begin(), all.end(), '\n')) == lines);
  });
}

}  // namespace punchline::testing
