#include "tests/kafka/scene.h"

#include <filesystem>
#include <iostream>

#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/kcat.h"

namespace punchline::testing {
namespace {

constexpr std::uint64_t kEndless = 100'000'000;  // lines; the producer is stopped

}  // namespace

Scene::Scene(KafkaCluster& kafka, const Setup& setup)
    : kafka_(kafka),
      topic_(setup.topic),
      partitions_(setup.partitions),
      lines_per_second_(setup.lines_per_second),
      folder_(setup.topic) {
  if (setup.topic_is_there) kafka_.create_topic(topic_, partitions_);
  setup_ = {.buffer = folder_.file("buffer"),
            .brokers = setup.brokers.empty() ? kafka_.bootstrap() : setup.brokers,
            .topic = topic_,
            // A frozen broker is noticed by this; the default is half a minute.
            .more = {"-X", "batch.num.messages=" + std::to_string(kRequestRecords), "-X",
                     "socket.timeout.ms=4000", "-X", "request.timeout.ms=3000"},
            .before = setup.before};
  start_agent();
}

double Scene::behind() {
  const auto lines = static_cast<double>(appended_ + producer_->appended());
  return lines - confirmed();
}

void Scene::goes_on() {
  const auto bytes = static_cast<double>(std::filesystem::file_size(buffer()));
  const bool on = eventually(
      kPatience, [&] { return agent_->metric("punchline_bytes_confirmed_total") >= bytes; });
  if (!on) std::cerr << agent_->log();
  REQUIRE(on);
}

void Scene::wait_for_lines(std::uint64_t more) const {
  const auto wanted = producer_->appended() + more;
  REQUIRE(eventually(kPatience, [&] { return producer_->appended() >= wanted; }));
}

void Scene::during(const std::string& name, std::uint64_t twice_max,
                   const std::function<void(Scene&)>& event) {
  INFO(name);
  const auto begin = Clock::now();
  const auto number = static_cast<std::uint32_t>(offsets_.size());
  producer_.emplace(corpus_, number, buffer(),
                    Producer::Load{.lines = kEndless, .lines_per_second = lines_per_second_});
  wait_for_lines(lines_per_second_ / 5);
  event(*this);
  producer_->stop();
  offsets_.push_back(producer_->join());
  appended_ += offsets_.back().size();
  const bool drained = agent_->drains(kPatience);
  if (!drained) std::cerr << agent_->log();
  REQUIRE(drained);
  kafka_.await_in_sync(topic_);
  // A leader that is thawed or new knows the end a little later.
  const bool there = eventually(kPatience, [&] { return arrived() >= appended_ + twice_; });
  const auto twice = arrived() - appended_;
  const std::chrono::duration<double> took = Clock::now() - begin;
  std::cout << name << ": " << offsets_.back().size() << " lines, " << (there ? twice - twice_ : 0)
            << " of them twice, " << took.count() << " s\n";
  CHECK(there);
  CHECK(twice <= twice_ + twice_max);
  twice_ = twice;
  twice_max_ += twice_max;
}

void Scene::close() {
  CHECK(agent_->stop().code == 0);
  const auto account = settle(corpus_, offsets_,
                              read_topic(kafka_.bootstrap(), topic_, partitions_, folder_.path()));
  std::cout << topic_ << ": " << account.text() << "\n";
  INFO(account.text() << "\n" << agent_->log());
  CHECK(account.sound());
  CHECK(account.duplicates <= twice_max_);
  CHECK(inspect(buffer()).waiting_records == 0);
  CHECK(inspect(buffer()).set_aside == 0);
}

void Scene::have_partitions(std::int32_t count) {
  kafka_.add_partitions(topic_, count);
  partitions_ = count;
}

}  // namespace punchline::testing
