// `punchline run --once` beside `kcat -P -l` (plain) and the bare loop: the same file, the same
// broker, one partition, alternating runs. Clock: start of the process to its end, which for
// punchline includes freeing the buffer and fdatasync. The first round is thrown away (the broker's
// JIT).
// Each run has a topic of its own and a fresh copy of the file, in the page cache.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>

#include "tests/support/kafka_cluster.h"
#include "tests/support/log_corpus.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

struct Options {
  std::uint64_t records = 0;  // 0: as many as make 400 MB or so
  std::uint64_t bytes = 0;    // 0: 200, then 1024
  int runs = 5;
  bool frames = false;  // what ours reads; the others read lines
  std::vector<std::string> properties;
};

struct Cost {
  double records_per_second = 0;
  double cpu_seconds_per_million = 0;
  double rss_mib_max = 0;
};

void write_records(const std::string& path, std::uint64_t records, std::uint64_t bytes) {
  const auto corpus = LogCorpus::committed();
  std::ofstream out(path, std::ios::binary);
  std::string record;
  for (std::uint64_t number = 0; number < records; ++number) {
    record.clear();
    for (auto next = number; record.size() < bytes; next += 7919) {
      record += corpus.line({0, next}) + ' ';
    }
    record.resize(bytes);
    out << record << '\n';
  }
}

Cost measure(const Command& command, std::uint64_t records) {
  const auto begin = Clock::now();
  const auto result = run(command, std::chrono::minutes(5));
  const std::chrono::duration<double> took = Clock::now() - begin;
  if (result.exit.code != 0) throw std::runtime_error(command.argv[0] + ": " + result.err);
  const auto count = static_cast<double>(records);
  return {count / took.count(), result.exit.cpu.count() / count * 1e6,
          static_cast<double>(result.exit.rss_bytes_max) / (1 << 20)};
}

double median(const std::vector<Cost>& costs, double Cost::*field) {
  std::vector<double> values;
  for (const auto& cost : costs)
    values.push_back(cost.*field);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void print(const char* who, const Cost& cost) {
  std::printf("  %-10s %10.0f records/s  %6.3f CPU s per million  %6.1f MiB peak\n", who,
              cost.records_per_second, cost.cpu_seconds_per_million, cost.rss_mib_max);
  std::fflush(stdout);
}

Cost medians(const std::vector<Cost>& costs) {
  return {median(costs, &Cost::records_per_second), median(costs, &Cost::cpu_seconds_per_million),
          median(costs, &Cost::rss_mib_max)};
}

void print_ratios(const char* name, const Cost& ours, const Cost& theirs) {
  std::printf("  punchline / %-10s %.2f throughput, %.2f CPU, %.2f memory\n", name,
              ours.records_per_second / theirs.records_per_second,
              ours.cpu_seconds_per_million / theirs.cpu_seconds_per_million,
              ours.rss_mib_max / theirs.rss_mib_max);
}

class Duel {
 public:
  Duel(const Options& options, std::uint64_t records, std::uint64_t bytes)
      : options_(options), records_(records), window_(kWindowBytes / bytes), folder_("bench") {
    write_records(input(), records, bytes);
    if (options_.frames) write_frames();
  }

  void fight() {
    struct Fighter {
      const char* name;
      Cost (Duel::*once)();
      std::vector<Cost> costs;
    };
    std::array<Fighter, 3> fighters = {{{"punchline", &Duel::punchline_once, {}},
                                        {"kcat", &Duel::kcat_once, {}},
                                        {"bare loop", &Duel::bare_loop_once, {}}}};
    for (int run = -1; run < options_.runs; ++run) {
      for (auto& fighter : fighters) {
        const auto cost = (this->*fighter.once)();
        if (run < 0) continue;
        print(fighter.name, cost);
        fighter.costs.push_back(cost);
      }
    }
    std::printf("medians\n");
    for (const auto& fighter : fighters)
      print(fighter.name, medians(fighter.costs));
    const auto ours = medians(fighters[0].costs);
    for (std::size_t other = 1; other < fighters.size(); ++other) {
      print_ratios(fighters.at(other).name, ours, medians(fighters.at(other).costs));
    }
  }

 private:
  std::string input() const { return folder_.file("input"); }

  // With a key and a header each, which the others do not send.
  void write_frames() const {
    auto command = punchline(
        {"append", folder_.file("frames"), "--format", "frames", "--key", "a", "--header", "b=c"});
    command.stdin_path = input();
    const auto done = run(command, std::chrono::minutes(5));
    if (done.exit.code != 0) throw std::runtime_error("append: " + done.err);
  }

  Cost punchline_once() {
    const auto buffer = folder_.file("buffer");
    std::filesystem::copy_file(options_.frames ? folder_.file("frames") : input(), buffer,
                               std::filesystem::copy_options::overwrite_existing);
    auto command = run_command({.buffer = buffer, .brokers = kafka_.bootstrap(), .topic = "t"});
    command.argv.push_back("--once");
    with_properties(command);
    const auto cost = on_fresh_topic(command);
    std::filesystem::remove(buffer);
    return cost;
  }

  Cost kcat_once() {
    Command command{.argv = {"kcat", "-P", "-b", kafka_.bootstrap(), "-t", "t", "-l", input()}};
    with_properties(command);
    return on_fresh_topic(command);
  }

  Cost bare_loop_once() {
    Command command{.argv = {BARE_LOOP, kafka_.bootstrap(), "t", input(), std::to_string(window_)}};
    command.argv.insert(command.argv.end(), options_.properties.begin(), options_.properties.end());
    return on_fresh_topic(command);
  }

  void with_properties(Command& command) const {
    for (const auto& property : options_.properties) {
      command.argv.insert(command.argv.end(), {"-X", property});
    }
  }

  Cost on_fresh_topic(const Command& command) {
    kafka_.create_topic("t", 1);
    const auto cost = measure(command, records_);
    if (kafka_.record_count("t") != static_cast<std::int64_t>(records_)) {
      throw std::runtime_error("not all records arrived: " + command.argv[0]);
    }
    kafka_.delete_topic("t");
    return cost;
  }

  const Options& options_;
  static constexpr std::uint64_t kWindowBytes = 2'000'000;  // of the bare loop: two batches

  const std::uint64_t records_;
  const std::uint64_t window_;
  TempDir folder_;
  KafkaCluster kafka_{{.properties = {{"log.segment.delete.delay.ms", "500"}}}};
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (flag == "--records") {
      options.records = std::strtoull(value, nullptr, 10);
    } else if (flag == "--bytes") {
      options.bytes = std::strtoull(value, nullptr, 10);
    } else if (flag == "--runs") {
      options.runs = std::max(1, std::atoi(value));
    } else if (flag == "--format") {
      options.frames = std::string_view(value) == "frames";
    } else if (flag == "-X") {
      options.properties.emplace_back(value);
    } else {
      throw std::runtime_error("unknown argument " + std::string(flag));
    }
  }
  return options;
}

void run_all(const Options& options) {
  constexpr std::uint64_t kBytesInAll = 400'000'000;
  const std::vector<std::uint64_t> sizes =
      options.bytes != 0 ? std::vector{options.bytes} : std::vector<std::uint64_t>{200, 1024};
  for (const auto bytes : sizes) {
    const auto records = options.records != 0 ? options.records : kBytesInAll / bytes;
    std::printf("%llu records of %llu bytes\n", static_cast<unsigned long long>(records),
                static_cast<unsigned long long>(bytes));
    Duel(options, records, bytes).fight();
  }
}

}  // namespace
}  // namespace punchline::testing

int main(int argc, char** argv) {
  try {
    punchline::testing::run_all(punchline::testing::parse(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "throughput: %s\n", error.what());
    return 1;
  }
}
