// kill -9 of the agent and of its producers, at random moments, while the buffer collapses: on ext4
// and XFS, in both formats, with a real broker. tests/kills does a thousand.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>

#include "tests/support/catch.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/seed.h"
#include "tests/support/temp_dir.h"
#include "tests/support/victim.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr std::int32_t kPartitions = 4;
constexpr std::uint64_t kFolderBytes = 1024ULL * 1024 * 1024;
constexpr std::uint64_t kInFlightMax = 50'000;  // KafkaNeeds: what an agent has sent, unconfirmed
constexpr milliseconds kPauseMax{300};
constexpr int kUsualKills = 48;

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster;
  return cluster;
}

int kills_wanted() {
  const char* given = std::getenv("PUNCHLINE_KILLS");
  return given != nullptr ? std::atoi(given) : kUsualKills;
}

struct Scene {
  std::string name;  // of the topic, too
  std::string folder;
  bool frames = false;
  int kills = 0;
};

struct Outcome {
  Account account;
  int of_agent = 0;
  int of_producers = 0;
  std::uint64_t torn = 0;       // kills that met a producer in mid-record
  std::uint64_t set_aside = 0;  // in the quarantine
  std::uint64_t collapses = 0;
};

std::size_t count_of(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

class Scenario {
 public:
  explicit Scenario(const Scene& scene) : scene_(scene), random_(seeded_random()) {
    auto& kafka = shared_cluster();
    kafka.create_topic(scene.name, kPartitions);
    const auto buffer = scene.folder + "/buffer";
    write_file(buffer, "");
    setup_ = {.buffer = buffer,
              .brokers = kafka.bootstrap(),
              .topic = scene.name,
              .before = {"env", "PUNCHLINE_COLLAPSE_BYTES_MIN=64KiB"}};
    using Kind = Victim::Kind;
    const auto add = [&](Victim::Setup one) {
      one.buffer = buffer;
      const auto number = static_cast<std::uint32_t>(victims_.size());
      victims_.push_back(std::make_unique<Victim>(corpus_, number, std::move(one)));
    };
    if (scene.frames) {
      for (const char* key : {"alpha", "beta", "gamma"})
        add({.kind = Kind::frames, .key = key});
      add({.kind = Kind::frames});
    } else {
      for (const auto kind : {Kind::lines, Kind::lines, Kind::foreign, Kind::foreign})
        add({.kind = kind});
    }
  }

  Outcome play() {
    agent_ = std::make_unique<Process>(run_command(setup_));
    while (outcome_.of_agent + outcome_.of_producers < scene_.kills) {
      const milliseconds pause(between(random_, 0, static_cast<std::uint64_t>(kPauseMax.count())));
      if (agent_->wait(pause)) throw std::runtime_error("the agent ended: " + agent_->err());
      kill_somebody();
    }
    for (auto& victim : victims_) {
      victim->finish();
      outcome_.torn += victim->torn();
    }
    await_collapse();
    end_agent();
    drain();
    settle_account();
    return outcome_;
  }

 private:
  // Out of six times: the agent, each of the producers, all of them.
  void kill_somebody() {
    const auto who = between(random_, 0, victims_.size() + 1);
    const bool all = who == victims_.size() + 1;
    for (std::size_t i = 0; i < victims_.size(); ++i) {
      if (!all && who != i) continue;
      victims_[i]->kill9(random_, between(random_, 0, 1) == 0);
      ++outcome_.of_producers;
    }
    if (!all && who != victims_.size()) return;
    end_agent();
    ++outcome_.of_agent;
    agent_ = std::make_unique<Process>(run_command(setup_));
  }

  // A few kills, close together on a slow machine, may have left no agent the time for one.
  void await_collapse() {
    (void)eventually(seconds(30), [this] {
      return outcome_.collapses + count_of(agent_->err(), "collapsed by") > 0;
    });
  }

  void end_agent() {
    agent_->kill9();
    outcome_.collapses += count_of(agent_->err(), "collapsed by");
  }

  void drain() {
    const auto last = run_once(setup_, minutes(3));
    INFO(last.err);
    // A torn frame is set aside, which is said once.
    CHECK((last.exit.code == 0 || (scene_.frames && last.exit.code == 65)));
    outcome_.collapses += count_of(last.err, "collapsed by");
    const auto sound = run(punchline({"verify", setup_.buffer}));
    INFO(sound.out << sound.err);
    CHECK(sound.exit.code == 0);
    // Not st_blocks: XFS allocates ahead of the end.
    CHECK(inspect(setup_.buffer).data_bytes <= 128 * 1024);
    const auto quarantine = setup_.buffer + ".quarantine";
    if (std::filesystem::exists(quarantine))
      outcome_.set_aside = inspect(quarantine).waiting_records;
  }

  void settle_account() {
    const TempDir folder(scene_.name);
    std::vector<Written> written;
    for (const auto& victim : victims_)
      written.push_back(victim->written());
    outcome_.account = settle(corpus_, written,
                              read_topic(setup_.brokers, setup_.topic, kPartitions, folder.path()));
    shared_cluster().delete_topic(scene_.name);
  }

  const Scene scene_;
  const LogCorpus corpus_ = LogCorpus::committed();
  std::mt19937_64 random_;
  RunSetup setup_;
  std::vector<std::unique_ptr<Victim>> victims_;
  std::unique_ptr<Process> agent_;
  Outcome outcome_;
};

void check(const Scene& scene, const Outcome& seen) {
  std::cerr << scene.name << ": " << seen.of_agent << " kills of the agent, " << seen.of_producers
            << " of producers, " << seen.torn << " of them in mid-record, " << seen.collapses
            << " collapses, " << seen.set_aside << " set aside; " << seen.account.text() << "\n";
  INFO(scene.name);
  CHECK(seen.account.sound());
  CHECK(seen.account.appended > 0);
  CHECK(seen.collapses > 0);
  const auto agent_kills = static_cast<std::uint64_t>(seen.of_agent) + 1;
  CHECK(seen.account.duplicates <= agent_kills * kInFlightMax);
  // A frame proves itself: a torn one is set aside, and twice where the agent is killed at that.
  CHECK(seen.account.torn <= (scene.frames ? 0 : seen.torn));
  CHECK(seen.set_aside <= (scene.frames ? seen.torn + agent_kills : 0));
}

TEST_CASE("agent and producers are killed again and again, and the account is right") {
  shared_cluster();
  FsMounts mounts;
  int tried = 0;
  for (const bool frames : {false, true}) {
    for (const char* type : {"ext4", "xfs"}) {
      const auto folder = mounts.mount(type, kFolderBytes);
      if (folder.empty()) {
        std::cerr << "left out: " << type << ": " << mounts.why() << "\n";
        continue;
      }
      ++tried;
      const Scene scene{.name = std::string(type) + (frames ? "-frames" : "-lines"),
                        .folder = folder,
                        .frames = frames,
                        .kills = (kills_wanted() + 3) / 4};
      check(scene, Scenario(scene).play());
    }
  }
  if (tried == 0) std::cerr << "no filesystem could be mounted: nothing tested\n";
}

}  // namespace
}  // namespace punchline::testing
