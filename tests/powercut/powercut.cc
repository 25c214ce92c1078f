// Power cuts on real filesystems, under the real program and a real broker. tests/powercut/run
// starts it; --help is there.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>

#include <sys/mount.h>
#include <unistd.h>

#include "tests/powercut/cut_image.h"
#include "tests/powercut/judge.h"
#include "tests/support/eventually.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;

constexpr int kSkipped = 77;
constexpr std::size_t kCutsOfRecording = 100;
constexpr std::int32_t kPartitions = 3;
constexpr std::size_t kShownMax = 5;  // sentences of one cut
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

struct Options {
  std::vector<std::string> disks = {"ext4", "ext4-journal", "xfs", "btrfs"};
  std::vector<std::string> formats = {"lines", "frames"};
  std::size_t cuts = 50;   // of each filesystem, all formats together
  bool plain = false;      // always one partition and no collapse
  bool collapses = false;  // always in or beside a collapse, which others' syncs tear apart
  milliseconds length{3000};
  std::string keep;  // folder for images of cuts that went wrong
};

/// Sums over many cuts.
struct Sum {
  std::size_t cuts = 0;
  std::size_t wrong = 0;
  std::size_t intents = 0;
  std::size_t torn = 0;
  std::size_t old_size = 0;
  std::size_t bases = 0;
  std::size_t in_band = 0;
  std::size_t aside = 0;
  Verdict all;

  void add(const Aftermath& found, const Verdict& verdict) {
    ++cuts;
    wrong += verdict.wrong.empty() ? 0 : 1;
    intents += found.intent_stands ? 1 : 0;
    torn += found.torn == Torn::in_part ? 1 : 0;
    old_size += found.torn == Torn::size ? 1 : 0;
    bases += found.base_moved ? 1 : 0;
    in_band += found.hole_above_front ? 1 : 0;
    aside += found.quarantined.size();
    all.durable += verdict.durable;
    all.delivered_after += verdict.delivered_after;
    all.durable_aside += verdict.durable_aside;
    all.duplicates += verdict.duplicates;
    all.torn_delivered += verdict.torn_delivered;
    all.new_aside += verdict.new_aside;
  }
  std::string text() const {
    std::ostringstream out;
    out << cuts << " cuts, " << wrong << " wrong; " << intents << " in a collapse, " << torn
        << " of them shifted in part and " << old_size << " of the old size, " << bases
        << " after one, " << in_band << " with holes above the front; records: " << all.durable
        << " durable, " << all.delivered_after << " of them delivered after the cut, "
        << all.durable_aside << " set aside, " << all.duplicates << " duplicates; " << aside
        << " stretches set aside, " << all.torn_delivered << " torn delivered, " << all.new_aside
        << " new glued to torn";
    return out.str();
  }
};

/// Another boot for all that is started while it lives.
class NewBoot {
 public:
  explicit NewBoot(const FsMounts& mounts) {
    const auto file = mounts.base() + "/boot_id";
    write_file(file, "22222222-2222-4222-8222-222222222222\n");
    if (::mount(file.c_str(), kBootId, nullptr, MS_BIND, nullptr) != 0) {
      throw std::runtime_error("mount over boot_id");
    }
  }
  ~NewBoot() { ::umount2(kBootId, MNT_DETACH); }
  NewBoot(const NewBoot&) = delete;
  NewBoot& operator=(const NewBoot&) = delete;
};

/// When to cut: mostly around flushes, where most is decided, and where a collapse is at work.
class Moments {
 public:
  Moments(const DiskLog& log, std::size_t begin, std::size_t end, bool collapses)
      : begin_(begin), end_(end), collapses_(collapses) {
    for (auto at = begin; at < end; ++at) {
      const auto& entry = log.entries()[at];
      if (entry.action == DiskAction::flush) flushes_.push_back(at);
      const bool names_it = entry.action == DiskAction::write &&
                            entry.data.find("punchline.intent") != std::string_view::npos;
      if (names_it) intents_.push_back(at);
    }
  }

  std::vector<std::size_t> choose(std::size_t count, std::mt19937_64& random) const {
    std::vector<std::size_t> moments;
    while (moments.size() < count)
      moments.push_back(std::clamp(one(random), begin_, end_));
    std::sort(moments.begin(), moments.end());
    return moments;
  }

 private:
  std::size_t one(std::mt19937_64& random) const {
    const auto any_of = [&](const std::vector<std::size_t>& list) {
      return list[between(random, 0, list.size() - 1)];
    };
    const auto kind = between(random, 0, 9);
    if (!collapses_ && kind < 4 && !flushes_.empty())
      return any_of(flushes_) + between(random, 0, 4);
    if ((collapses_ || kind < 7) && !intents_.empty())
      return any_of(intents_) + between(random, 0, 8);
    return between(random, begin_, end_);
  }

  std::size_t begin_;
  std::size_t end_;
  bool collapses_;  // only there
  std::vector<std::size_t> flushes_;
  std::vector<std::size_t> intents_;
};

class Trial {
 public:
  Trial(const Options& options, std::mt19937_64& random) : options_(options), random_(random) {}

  /// False: something was wrong.
  bool run() {
    bool sound = true;
    for (const auto& disk : options_.disks) {
      for (const auto& format : options_.formats) {
        const auto share = (options_.cuts + options_.formats.size() - 1) / options_.formats.size();
        Sum sum;
        for (std::size_t done = 0; done < share; done += kCutsOfRecording)
          cut_one(disk, format, std::min(kCutsOfRecording, share - done), sum);
        std::cout << disk << " " << format << ": " << sum.text() << std::endl;
        const bool proves = sum.all.durable > 0 && sum.all.delivered_after > 0 &&
                            (!options_.collapses || sum.intents > 0);
        if (!proves) {
          std::cout << "WRONG: nothing was durable, or no collapse cut: nothing is proved"
                    << std::endl;
        }
        sound = sound && proves && sum.wrong == 0;
      }
    }
    return sound;
  }

 private:
  // One recording and its cuts.
  void cut_one(const std::string& disk, const std::string& format, std::size_t cuts, Sum& sum) {
    const auto number = std::to_string(++recordings_);
    Recording wanted;
    wanted.disk = disk_named(disk);
    wanted.format = format == "lines" ? Format::lines : Format::frames;
    wanted.plain = options_.plain || (!options_.collapses && recordings_ % 5 == 0);
    wanted.collapses = options_.collapses;
    wanted.partitions = wanted.plain ? 1 : kPartitions;
    wanted.topic = "life-" + number;
    const auto recording = record(mounts_, kafka_, wanted, options_.length, random_);
    const DiskLog log(recording.log);
    const auto first_life =
        TopicTail(kafka_.bootstrap(), wanted.topic, wanted.partitions).read_new();
    const Judge judge(recording, log, first_life);
    for (const auto& sentence : judge.wrong_before())
      std::cout << "WRONG before any cut: " << sentence << std::endl;
    sum.wrong += judge.wrong_before().size();
    const auto next_topic = "next-" + number;
    kafka_.create_topic(next_topic, wanted.partitions);
    TopicTail tail(kafka_.bootstrap(), next_topic, wanted.partitions);
    const RunSetup to{.buffer = {},
                      .brokers = kafka_.bootstrap(),
                      .topic = next_topic,
                      .before = agent_environment(recording)};
    const NewBoot boot(mounts_);
    CutImages images(log, recording.base);
    const Moments moments(log, judge.begin(), judge.end(), options_.collapses);
    for (const auto moment : moments.choose(cuts, random_)) {
      cut_at(recording, judge, images, moment, to, tail, sum);
    }
    std::filesystem::remove(recording.log);
  }

  void cut_at(const Recording& recording, const Judge& judge, CutImages& images, std::size_t moment,
              const RunSetup& to, TopicTail& tail, Sum& sum) {
    const auto kind = static_cast<Unflushed>(between(random_, 0, kUnflushedKinds - 1));
    const auto choice = between(random_, 0, 3);
    const NextLife life{choice < 2, choice == 1 || choice == 2, ++lives_};
    const auto image = mounts_.base() + "/cut";
    auto again = random_;
    images.make(image, moment, kind, random_);
    const auto found = live_on(mounts_, recording, image, life, to, tail);
    const auto verdict = judge.judge(moment, life, found);
    sum.add(found, verdict);
    if (verdict.wrong.empty()) return;
    std::cout << "WRONG: " << recording.disk.name << " " << name_of(recording.format)
              << (recording.plain ? " plain" : "") << ", cut after entry " << moment << ", "
              << name_of(kind) << (life.appends_before ? ", appends before" : "")
              << (life.appends_after ? ", appends after" : "") << std::endl;
    for (std::size_t at = 0; at < std::min(kShownMax, verdict.wrong.size()); ++at)
      std::cout << "  " << verdict.wrong[at] << std::endl;
    if (verdict.wrong.size() > kShownMax) std::cout << "  ... " << verdict.wrong.size() << "\n";
    keep(images, moment, kind, again);
  }

  // The disk as the cut left it, before the next life.
  void keep(CutImages& images, std::size_t moment, Unflushed kind, std::mt19937_64& random) {
    if (options_.keep.empty() || kept_ >= 3) return;
    const auto path = options_.keep + "/cut-" + std::to_string(++kept_) + ".image";
    images.make(path, moment, kind, random);
    std::cout << "  image: " << path << std::endl;
  }

  const Options& options_;
  std::mt19937_64& random_;
  FsMounts mounts_;
  KafkaCluster kafka_;
  std::size_t recordings_ = 0;
  std::uint64_t lives_ = 0;
  int kept_ = 0;
};

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> words;
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');)
    words.push_back(word);
  return words;
}

Options parse(int argc, char** argv) {
  Options options;
  for (int at = 1; at < argc; ++at) {
    const std::string name = argv[at];
    if (name == "--plain" || name == "--collapses") {
      (name == "--plain" ? options.plain : options.collapses) = true;
      continue;
    }
    if (++at >= argc) throw std::runtime_error(name + " needs a value, or is not known");
    const std::string value = argv[at];
    if (name == "--fs") {
      options.disks = split(value);
    } else if (name == "--format") {
      options.formats = split(value);
    } else if (name == "--cuts") {
      options.cuts = std::stoull(value);
    } else if (name == "--keep") {
      options.keep = value;
    } else {
      throw std::runtime_error("unknown argument " + name);
    }
  }
  for (const auto& disk : options.disks)
    disk_named(disk);
  return options;
}

// Why this cannot run here; empty: it can.
std::string why_not() {
  if (::geteuid() != 0) return "not root";
  if (::access("/dev/fuse", R_OK | W_OK) != 0) return "no /dev/fuse";
  if (::access("/dev/loop-control", R_OK | W_OK) != 0) return "no loop devices";
  if (!KafkaCluster::available()) return "no Kafka: run tests/support/fetch-kafka";
  return {};
}

int powercut(int argc, char** argv) {
  const auto options = parse(argc, argv);
  if (const auto why = why_not(); !why.empty()) {
    std::cout << "powercut: nothing tested: " << why << std::endl;
    return kSkipped;
  }
  auto random = seeded_random();
  return Trial(options, random).run() ? 0 : 1;
}

}  // namespace
}  // namespace punchline::testing

int main(int argc, char** argv) {
  try {
    return punchline::testing::powercut(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "powercut: " << error.what() << std::endl;
    return 1;
  }
}
