#include "tests/unit/sinks/mini_forwarder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <poll.h>

#include "tests/support/catch.h"

namespace punchline {

using Clock = std::chrono::steady_clock;

MiniForwarder::MiniForwarder(Sink& sink, const std::string& topic, std::size_t payload_bytes)
    : sink_(sink),
      route_(sink.open_route(topic)),
      payload_bytes_(payload_bytes) {}

MiniForwarder::~MiniForwarder() {
  for (Chunk* chunk : chunks_)
    chunk->release(1);
}

Chunk& MiniForwarder::chunk_for(std::size_t bytes) {
  if (chunks_.empty() || chunks_.back()->common != common_ ||
      chunk_used_ + bytes > chunks_.back()->bytes_max() ||
      chunks_.back()->records.size() == ChunkPool::kRecordsPerChunkMax) {
    chunks_.push_back(pool_.lend(bytes, 7));
    chunks_.back()->position = end_;
    chunks_.back()->common = common_;
    chunk_used_ = 0;
  }
  return *chunks_.back();
}

void MiniForwarder::append(std::size_t count, std::int32_t partition) {
  for (std::size_t i = 0; i < count; ++i)
    append_sized(payload_bytes_, partition);
}

void MiniForwarder::append_sized(std::size_t payload_bytes, std::int32_t partition) {
  Chunk& chunk = chunk_for(payload_bytes + 1);
  std::string text = "record-" + std::to_string(entries_.size());
  text.resize(payload_bytes, '.');
  std::memcpy(chunk.memory().data() + chunk_used_, text.data(), text.size());
  chunk.memory()[chunk_used_ + payload_bytes] = '\n';
  Record record;
  record.chunk = &chunk;
  record.begin = static_cast<std::uint32_t>(chunk_used_);
  record.end = static_cast<std::uint32_t>(chunk_used_ + payload_bytes + 1);
  record.payload = record.begin;
  record.payload_bytes = static_cast<std::uint32_t>(payload_bytes);
  chunk.records.push_back(record);
  chunk_used_ += payload_bytes + 1;
  by_position_[end_] = entries_.size();
  lanes_[partition].entries.push_back(entries_.size());
  end_ += payload_bytes + 1;
  entries_.push_back({record, State::waiting});
}

bool MiniForwarder::run_until(const Condition& done, std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (!done()) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    turn();
    if (done()) return true;
    pollfd waits{sink_.wait_fd(), POLLIN, 0};
    const auto patience = waits.fd < 0 ? 0 : std::min<std::int64_t>(left.count(), 1000);
    ::poll(&waits, 1, static_cast<int>(patience));
  }
  return true;
}

void MiniForwarder::turn() {
  std::vector<Delivery> deliveries;
  bool more = true;
  while (more)
    more = sink_.poll(deliveries, notices_);
  for (const Delivery& delivery : deliveries)
    take(delivery);
  for (auto& [partition, queue] : lanes_)
    feed(partition, queue);
  in_flight_most_ = std::max(in_flight_most_, sink_.outstanding());
}

void MiniForwarder::take(const Delivery& delivery) {
  if (delivery.outcome == Outcome::lost) return lose(delivery.lane);
  REQUIRE(delivery.owner == 7);
  REQUIRE(delivery.lane.route == route_);
  by_code_[delivery.code] += delivery.records;
  by_outcome_[delivery.outcome] += delivery.records;
  if (on_delivery_) on_delivery_(delivery);
  LaneQueue& queue = lanes_[delivery.lane.partition];
  const std::size_t first = by_position_.at(delivery.range.begin);
  std::uint64_t bytes = 0;
  for (std::size_t i = first; i < first + delivery.records; ++i) {
    Entry& entry = entries_[i];
    REQUIRE(entry.state == State::in_flight);
    bytes += entry.record.payload_bytes;
    const bool gone = delivery.outcome == Outcome::persisted ||
                      (set_aside_ && delivery.outcome == Outcome::refused && delivery.alone);
    entry.state = gone ? State::done : State::waiting;
    if (delivery.outcome == Outcome::persisted) ++done_;
    if (gone && delivery.outcome != Outcome::persisted) ++set_aside_count_;
    if (!gone) queue.failed = true;
  }
  REQUIRE(bytes == delivery.payload_bytes);
  REQUIRE(entries_[first + delivery.records - 1].record.range().end == delivery.range.end);
  if (delivery.outcome != Outcome::persisted && delivery.records < 5 &&
      queue.in_flight > delivery.records) {
    mock_may_reorder_ = true;
  }
  queue.in_flight -= delivery.records;
}

void MiniForwarder::lose(Lane lane) {
  if (lane.route != route_) return;
  LaneQueue& queue = lanes_[lane.partition];
  ++queue.losses;
  for (const std::size_t at : queue.entries) {
    if (entries_[at].state == State::in_flight) entries_[at].state = State::waiting;
  }
  queue.failed = true;
  queue.in_flight = 0;
}

void MiniForwarder::rewind(LaneQueue& queue) {
  queue.failed = false;
  queue.next = 0;
  while (queue.next < queue.entries.size() &&
         entries_[queue.entries[queue.next]].state == State::done) {
    ++queue.next;
  }
}

void MiniForwarder::feed(std::int32_t partition, LaneQueue& queue) {
  if (queue.failed) {
    if (queue.in_flight > 0) return;
    rewind(queue);
  }
  const Lane lane{route_, partition};
  while (queue.next < queue.entries.size() && queue.entries[queue.next] < offer_limit_) {
    if (entries_[queue.entries[queue.next]].state != State::waiting) {
      ++queue.next;
      continue;
    }
    std::vector<std::size_t> run;
    const Entry& head = entries_[queue.entries[queue.next]];
    for (std::size_t i = queue.next; i < queue.entries.size(); ++i) {
      const std::size_t at = queue.entries[i];
      const bool fits = at == queue.entries[queue.next] + run.size() && at < offer_limit_ &&
                        entries_[at].record.chunk == head.record.chunk &&
                        entries_[at].state == State::waiting;
      if (!fits) break;
      run.push_back(at);
    }
    const std::size_t count = sink_.offer(lane, records(run.front(), run.back() + 1));
    for (std::size_t i = 0; i < count; ++i)
      entries_[run[i]].state = State::in_flight;
    queue.next += count;
    queue.in_flight += count;
    taken_ += count;
    if (count < run.size()) return;
  }
}

std::span<const Record> MiniForwarder::records(std::size_t from, std::size_t to) const {
  const Record& first = entries_[from].record;
  const auto& all = first.chunk->records;
  const auto at = std::find_if(all.begin(), all.end(),
                               [&](const Record& record) { return record.begin == first.begin; });
  return {&*at, to - from};
}

bool MiniForwarder::all_done() const {
  return done_ + set_aside_count_ >= entries_.size() &&
         std::all_of(entries_.begin(), entries_.end(),
                     [](const Entry& entry) { return entry.state == State::done; });
}

std::vector<std::string> MiniForwarder::expected(std::int32_t partition) const {
  std::vector<std::string> lines;
  for (const std::size_t at : lanes_.at(partition).entries) {
    const Record& record = entries_[at].record;
    lines.emplace_back(record.data(), record.payload_bytes);
  }
  return lines;
}

std::size_t MiniForwarder::reports(std::int32_t code) const {
  const auto found = by_code_.find(code);
  return found != by_code_.end() ? found->second : 0;
}

std::size_t MiniForwarder::reports(Outcome outcome) const {
  const auto found = by_outcome_.find(outcome);
  return found != by_outcome_.end() ? found->second : 0;
}

std::size_t MiniForwarder::chunks_held_by_sink() const {
  return static_cast<std::size_t>(std::count_if(
      chunks_.begin(), chunks_.end(), [](const Chunk* chunk) { return chunk->holds() > 1; }));
}

std::size_t count_notices(const MiniForwarder& forwarder, const std::string& part) {
  return static_cast<std::size_t>(
      std::count_if(forwarder.notices().begin(), forwarder.notices().end(),
                    [&](const Notice& n) { return n.text.find(part) != std::string::npos; }));
}

}  // namespace punchline
