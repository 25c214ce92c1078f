#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/kafka/soak_scene.h"

namespace punchline::testing {

/// What is done to a cluster, or to the way there, and undone later.
struct SoakTrouble {
  const char* name;
  void (*begin)(SoakScene&, int broker);
  void (*mend)(SoakScene&, int broker);
};

/// What comes and goes at once, at the agent or its buffers.
struct SoakEvent {
  const char* name;
  void (*happen)(SoakScene&, std::uint64_t chance);
};

/// Some troubles at the same time, events meanwhile, and their end. A value that is drawn, so that
/// a seed gives the same rounds again, however long each of them takes.
struct SoakRound {
  struct Trouble {
    const SoakTrouble* what;
    int broker;  ///< The first it is about, where it is about one.
  };
  struct Event {
    const SoakEvent* what;
    std::chrono::milliseconds pause;  ///< Before it.
    std::uint64_t chance;
  };
  std::vector<Trouble> troubles;  ///< Mended in the opposite order.
  std::vector<Event> events;
  std::chrono::milliseconds pause{};  ///< Behind the last event.
  bool settles = false;               ///< All gets through before the next round.
};

SoakRound draw_soak_round(std::mt19937_64& random);
void play(const SoakRound& round, SoakScene& scene);

}  // namespace punchline::testing
