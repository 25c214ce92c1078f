#include "tests/support/scripted_sink.h"

#include <algorithm>

namespace punchline::testing {

void ScriptedSink::set_partitions(std::int32_t count) {
  partitions_ = count;
  lanes_.resize(std::max(lanes_.size(), static_cast<std::size_t>(count)));
}

Room ScriptedSink::room(Lane lane) const {
  const auto& at = lanes_[static_cast<std::size_t>(lane.partition)];
  const std::size_t window = at.careful ? 1 : moods.window;
  if (stopped_ || at.flight.size() >= window) return {};
  return {window - at.flight.size(), 1 << 20};
}

std::size_t ScriptedSink::offer(Lane lane, std::span<const Record> run) {
  auto& at = lanes_[static_cast<std::size_t>(lane.partition)];
  auto count = std::min(run.size(), room(lane).records);
  if (count > 1 && percent(10)) count /= 2;  // only a prefix is taken
  for (const auto& record : run.first(count))
    at.flight.push_back(&record);
  if (count > 0) run.front().chunk->hold(static_cast<std::uint32_t>(count));
  offers_ += count;
  return count;
}

bool ScriptedSink::has_bad_time(const Record& record) const {
  const auto time_ms = record.extra() != nullptr ? record.extra()->timestamp_ms : -1;
  return time_ms < 0 ? refuses_now : time_ms > time_max_ms;
}

bool ScriptedSink::refuses(const Record& record) const {
  return has_bad_time(record) || objects(std::string(record.data(), record.payload_bytes));
}

void ScriptedSink::append(LaneLog& lane, const Record& record) {
  const auto extra = record.extra() != nullptr ? *record.extra() : RecordExtra{};
  lane.log.push_back({std::string(record.data(), record.payload_bytes), record.chunk->owner,
                      record.range().begin, extra.timestamp_ms, extra.refused_time_ms});
}

void ScriptedSink::report(std::int32_t partition, std::size_t count, Outcome outcome,
                          std::vector<Delivery>& deliveries) {
  auto& lane = lanes_[static_cast<std::size_t>(partition)];
  for (; count > 0; --count) {
    const Record* record = lane.flight.front();
    lane.flight.pop_front();
    Delivery delivery;
    delivery.lane = {0, partition};
    delivery.owner = record->chunk->owner;
    delivery.outcome = outcome;
    delivery.code = outcome == Outcome::persisted ? 0 : has_bad_time(*record) ? 32 : objection;
    delivery.range = record->range();
    delivery.records = 1;
    delivery.payload_bytes = record->payload_bytes;
    if (outcome == Outcome::persisted) {
      delivery.offset = static_cast<std::int64_t>(lane.log.size() - count);
    }
    if (!deliveries.empty() && deliveries.back().lane == delivery.lane &&
        deliveries.back().owner == delivery.owner && deliveries.back().outcome == outcome &&
        deliveries.back().range.end == delivery.range.begin) {
      deliveries.back().range.end = delivery.range.end;
      deliveries.back().records += 1;
      deliveries.back().payload_bytes += delivery.payload_bytes;
    } else {
      deliveries.push_back(delivery);
    }
    record->chunk->release(1);
  }
}

void ScriptedSink::answer(std::int32_t partition, std::vector<Delivery>& deliveries) {
  auto& lane = lanes_[static_cast<std::size_t>(partition)];
  if (lane.flight.empty() || mute.count(partition) > 0 || !percent(moods.report_percent)) return;
  const auto count = 1 + random_() % lane.flight.size();
  std::size_t good = 0;
  while (good < count && !refuses(*lane.flight[good])) {
    ++good;
  }
  const bool refused = good < count;
  if (refused && good > 0 && percent(50)) good = 0;  // the whole batch goes for the one
  if (!refused && percent(moods.fail_percent)) good = random_() % count;
  for (std::size_t i = 0; i < good; ++i)
    append(lane, *lane.flight[i]);
  report(partition, good, Outcome::persisted, deliveries);
  if (good > 0) lane.careful = false;
  if (good == count) return;
  // It and everything behind it comes back; of the first batch we may not know its fate.
  if (!refused && percent(30)) {
    const auto there = std::min(count - good, lane.flight.size());
    for (std::size_t i = 0; i < there; ++i)
      append(lane, *lane.flight[i]);
    report(partition, there, Outcome::unknown, deliveries);
  }
  const bool alone = refused && lane.flight.size() == 1;
  lane.careful = refused;
  report(partition, lane.flight.size(), refused ? Outcome::refused : Outcome::not_persisted,
         deliveries);
  deliveries.back().alone = alone;
}

// Of each lane some may have arrived, nobody will say which.
void ScriptedSink::lose_client(std::vector<Delivery>& deliveries) {
  ++losses_;
  for (std::size_t partition = 0; partition < lanes_.size(); ++partition) {
    auto& lane = lanes_[partition];
    if (!lane.flight.empty()) {
      deliveries.push_back(lost({0, static_cast<std::int32_t>(partition)}));
    }
    auto there = lane.flight.empty() ? 0 : random_() % (lane.flight.size() + 1);
    for (const Record* record : lane.flight) {
      if (refuses(*record)) there = 0;
      if (there > 0) {
        append(lane, *record);
        --there;
      }
      record->chunk->release(1);
    }
    lane.flight.clear();
  }
}

bool ScriptedSink::poll(std::vector<Delivery>& deliveries, std::vector<Notice>&) {
  for (std::int32_t partition = 0; partition < partitions_; ++partition) {
    answer(partition, deliveries);
  }
  if (percent(moods.epoch_percent)) lose_client(deliveries);
  return false;
}

std::size_t ScriptedSink::outstanding() const {
  std::size_t count = 0;
  for (const auto& lane : lanes_)
    count += lane.flight.size();
  return count;
}

void ScriptedSink::stop() {
  stopped_ = true;
}

}  // namespace punchline::testing
