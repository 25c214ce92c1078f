// All troubles mixed, from one seed, for PUNCHLINE_SECONDS (tests/soak): brokers that are killed,
// frozen and restarted, answers that are lost, topics that change, and kill -9 of the agent in
// between, while producers append to three buffers. What may not happen is counted at the end, byte
// for byte. Left out, since nothing is told by it here: topics that are deleted (outages_test),
// rights and passwords (security_test), full disks (broker_trouble_test).

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "tests/kafka/soak_scene.h"
#include "tests/kafka/soak_troubles.h"
#include "tests/support/catch.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

constexpr std::chrono::duration<double> kUsualSeconds{120};

std::chrono::duration<double> seconds_wanted() {
  const char* given = std::getenv("PUNCHLINE_SECONDS");
  return given != nullptr ? std::chrono::duration<double>(std::atof(given)) : kUsualSeconds;
}

std::string text(const SoakScene::Buffer& buffer, const SoakAccount& account) {
  return buffer.name + ": " + account.lines.text() + "; at most " +
         std::to_string(account.duplicates_max) + " duplicates allowed; " +
         std::to_string(account.poison) + " poison, " + std::to_string(account.poison_missing) +
         " of it missing, " + std::to_string(account.poison_twice) +
         " twice; kept besides: " + std::to_string(account.torn_kept) + " torn, " +
         std::to_string(account.others_kept) + " others";
}

// What should not be, in words.
std::vector<std::string> faults_of(const SoakScene::Buffer& buffer, const SoakAccount& account,
                                   int lives) {
  const auto& lines = account.lines;
  const auto twice_max = static_cast<std::uint64_t>(lives);  // killed between copy and front
  std::vector<std::string> faults;
  const auto rule_out = [&](bool fault, const char* name) {
    if (fault) faults.push_back(buffer.name + ": " + name);
  };
  rule_out(lines.appended == 0, "nothing was appended");
  rule_out(lines.lost > 0, "lost");
  rule_out(lines.invented > 0, "invented");
  rule_out(lines.disordered > 0 && !buffer.is_relaxed, "out of order");
  rule_out(lines.strayed > 0, "not in the partition of their key");
  rule_out(lines.duplicates > account.duplicates_max, "more duplicates than were in flight");
  rule_out(account.poison_missing > 0, "poison that is not in the quarantine");
  rule_out(account.poison_twice > twice_max, "poison in the quarantine again and again");
  rule_out(account.torn_kept > account.torn + twice_max, "torn records that nobody tore");
  rule_out(account.others_kept > 0, "in the quarantine without a reason");
  rule_out(account.waiting_records > 0, "records that still wait");
  rule_out(account.verified != 0, "not sound, says verify");
  return faults;
}

TEST_CASE("a soak: all troubles in turn, and the account is right") {
  auto random = seeded_random();
  SoakScene scene;
  while (scene.elapsed() < seconds_wanted())
    play(draw_soak_round(random), scene);
  scene.tell("the end");
  scene.goes_on();
  const auto accounts = scene.close();
  std::vector<std::string> faults;
  for (std::size_t i = 0; i < accounts.size(); ++i) {
    const auto& buffer = scene.buffers()[i];
    std::cout << text(buffer, accounts[i]) << "\n";
    for (auto& fault : faults_of(buffer, accounts[i], scene.lives()))
      faults.push_back(std::move(fault));
  }
  std::cout << scene.bounds_text() << std::endl;
  CHECK(faults == std::vector<std::string>());
  if (faults.empty()) scene.forget();
}

}  // namespace
}  // namespace punchline::testing
