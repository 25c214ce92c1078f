#include "tests/kafka/soak_troubles.h"

#include <array>
#include <span>
#include <string>

#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;

constexpr int kBrokers = 3;
constexpr std::uint64_t kEventsMax = 3;
constexpr std::uint64_t kPauseMaxMs = 8'000;  // longer than the client waits for an answer

int after(int broker) {
  return (broker + 1) % kBrokers;
}

// Whichever it is at that moment; the one drawn where none is active.
int controller_or(SoakScene& scene, int broker) {
  const int active = scene.kafka().controller();
  return active >= 0 ? active : broker;
}

void nothing(SoakScene&, int) {}

void start_all(SoakScene& scene, int) {
  scene.kafka().start();
}
void thaw_all(SoakScene& scene, int) {
  for (int each = 0; each < kBrokers; ++each)
    scene.kafka().thaw(each);
}

void restart(SoakScene& scene, int broker) {
  scene.kafka().stop(broker);
  scene.wait(milliseconds(500));
  scene.kafka().restart(broker);
  for (const auto& buffer : scene.buffers())
    scene.kafka().await_in_sync(buffer.name);
}

void restart_others(SoakScene& scene, int broker) {
  restart(scene, after(broker));
  restart(scene, after(after(broker)));
}

// No single line is refused: LogCorpus has none above 8 KiB.
// What needs the cluster's ear comes first and is undone last.
constexpr SoakTrouble kOfTopics[] = {
    {"max.message.bytes below what a request holds",
     [](SoakScene& it, int) {
       it.alter_topics({{"max.message.bytes", "10000"}});
     },
     [](SoakScene& it, int) {
       it.alter_topics({{"max.message.bytes", std::to_string(SoakScene::kMessageBytesMax)}});
     }},
    {"min.insync.replicas 3",
     [](SoakScene& it, int) {
       it.alter_topics({{"min.insync.replicas", "3"}});
     },
     [](SoakScene& it, int) {
       it.alter_topics({{"min.insync.replicas", "2"}});
     }},
    {"a partition more for lines", [](SoakScene& it, int) { it.add_partition(0); }, nothing},
    {"a partition more for relaxed", [](SoakScene& it, int) { it.add_partition(2); }, nothing},
    {"a quota", [](SoakScene& it, int) { it.limit_clients(20'000); },
     [](SoakScene& it, int) { it.limit_clients(0); }},
};

constexpr SoakTrouble kOfTheWay[] = {
    {"answers are lost", [](SoakScene& it, int) { it.proxy().swallow_answers(); },
     [](SoakScene& it, int) { it.proxy().cut(); }},
    {"nothing gets through", [](SoakScene& it, int) { it.proxy().hold(); },
     [](SoakScene& it, int) { it.proxy().release(); }},
    {"connections are cut", [](SoakScene& it, int) { it.proxy().cut(); }, nothing},
};

constexpr SoakTrouble kOfBrokers[] = {
    {"kill -9 of a broker", [](SoakScene& it, int one) { it.kafka().kill9(one); }, start_all},
    {"kill -9 of the controller",
     [](SoakScene& it, int one) { it.kafka().kill9(controller_or(it, one)); }, start_all},
    {"kill -9 of two brokers",
     [](SoakScene& it, int one) {
       it.kafka().kill9(one);
       it.kafka().kill9(after(one));
     },
     start_all},
    {"kill -9 of all brokers",
     [](SoakScene& it, int) {
       for (int each = 0; each < kBrokers; ++each)
         it.kafka().kill9(each);
     },
     start_all},
    {"a broker stops", [](SoakScene& it, int one) { it.kafka().stop(one); }, start_all},
    {"a rolling restart", restart, restart_others},
    {"a broker freezes", [](SoakScene& it, int one) { it.kafka().freeze(one); }, thaw_all},
    {"the controller freezes",
     [](SoakScene& it, int one) { it.kafka().freeze(controller_or(it, one)); }, thaw_all},
    {"two brokers freeze",
     [](SoakScene& it, int one) {
       it.kafka().freeze(one);
       it.kafka().freeze(after(one));
     },
     thaw_all},
    {"all brokers freeze",
     [](SoakScene& it, int) {
       for (int each = 0; each < kBrokers; ++each)
         it.kafka().freeze(each);
     },
     thaw_all},
};

// The first kKills are drawn more often, and so is the last.
constexpr SoakEvent kEvents[] = {
    {"kill -9 of the agent",
     [](SoakScene& it, std::uint64_t) {
       it.kill_agent();
       it.start_agent();
     }},
    {"kill -9 of the agent twice",
     [](SoakScene& it, std::uint64_t chance) {
       it.kill_agent();
       it.start_agent();
       it.wait(milliseconds(chance % 1'000));
       it.kill_agent();
       it.start_agent();
     }},
    {"kill -9 of the agent, which comes back later",
     [](SoakScene& it, std::uint64_t chance) {
       it.kill_agent();
       it.wait(milliseconds(chance % 4'000));
       it.start_agent();
     }},
    {"the agent is stopped and started",
     [](SoakScene& it, std::uint64_t) {
       it.stop_agent();
       it.start_agent();
     }},
    {"the agent freezes",
     [](SoakScene& it, std::uint64_t chance) {
       it.freeze_agent();
       it.wait(milliseconds(1'000 + chance % 4'000));
       it.thaw_agent();
     }},
    {"SIGHUP", [](SoakScene& it, std::uint64_t) { it.reload_agent(); }},
};
constexpr std::size_t kKills = 3;

constexpr SoakEvent kOfBuffers[] = {
    {"a poison record",
     [](SoakScene& it, std::uint64_t chance) { it.append_poison(chance % it.buffers().size()); }},
    {"kill -9 of a producer",
     [](SoakScene& it, std::uint64_t chance) {
       std::mt19937_64 random(chance);
       it.kill_producer(random);
     }},
};

template <class T>
const T& one_of(std::span<const T> all, std::mt19937_64& random) {
  return all[between(random, 0, all.size() - 1)];
}

const SoakEvent& draw_event(std::mt19937_64& random) {
  const std::span<const SoakEvent> all(kEvents);
  switch (between(random, 0, 4)) {
    case 0:
    case 1:
      return one_of(all.first(kKills), random);
    case 2:
      return one_of(all.subspan(kKills), random);
    case 3:
      return all.back();  // a client is lost with what it had in flight
    default:
      return one_of(std::span<const SoakEvent>(kOfBuffers), random);
  }
}

}  // namespace

// Brokers are in trouble in two rounds of three, each other place in one of three.
SoakRound draw_soak_round(std::mt19937_64& random) {
  SoakRound round;
  const auto perhaps = [&](std::span<const SoakTrouble> area, std::uint64_t thirds) {
    const auto& what = one_of(area, random);
    const int broker = static_cast<int>(between(random, 0, kBrokers - 1));
    if (between(random, 1, 3) <= thirds) round.troubles.push_back({&what, broker});
  };
  perhaps(kOfTopics, 1);
  perhaps(kOfTheWay, 1);
  perhaps(kOfBrokers, 2);
  const auto pause = [&] { return milliseconds(between(random, 0, kPauseMaxMs)); };
  for (auto left = between(random, 0, kEventsMax); left > 0; --left) {
    const auto& what = draw_event(random);
    const auto before = pause();
    round.events.push_back({&what, before, random()});
  }
  round.pause = pause();
  round.settles = between(random, 0, 1) == 1;
  return round;
}

void play(const SoakRound& round, SoakScene& scene) {
  for (const auto& trouble : round.troubles) {
    scene.tell(std::string(trouble.what->name) + " (broker " + std::to_string(trouble.broker) +
               ")");
    trouble.what->begin(scene, trouble.broker);
  }
  for (const auto& event : round.events) {
    scene.wait(event.pause);
    scene.tell(std::string("  ") + event.what->name);
    event.what->happen(scene, event.chance);
  }
  scene.wait(round.pause);
  for (auto at = round.troubles.rbegin(); at != round.troubles.rend(); ++at) {
    at->what->mend(scene, at->broker);
    scene.tell(std::string("  over: ") + at->what->name);
  }
  if (!round.settles) return;
  scene.goes_on();
  scene.tell("  all has got through");
}

}  // namespace punchline::testing
