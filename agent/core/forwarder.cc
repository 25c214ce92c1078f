#include "agent/core/forwarder.h"

#include <algorithm>
#include <utility>

namespace punchline {
namespace {

constexpr int kTurnsWithoutWorkMax = 3;
// Brokers and topics are shown this often, and when the trouble changes.
constexpr Duration kBrokersDelay = std::chrono::seconds(1);
// After turns that did no work, nobody knows what the next one waits for. It must not take a whole
// core.
constexpr Duration kIdleTurnDelay = std::chrono::milliseconds(10);

}  // namespace

void Forwarder::add(std::unique_ptr<Pipe> pipe) {
  pipe->hold(held_);
  pipes_.push_back(std::move(pipe));
  ++next_owner_;
}

void Forwarder::hold(bool held) {
  if (held == held_) return;
  held_ = held;
  for (auto& pipe : pipes_)
    pipe->hold(held);
}

void Forwarder::remove(const Pipe& pipe) {
  std::erase_if(pipes_, [&](const auto& held) { return held.get() == &pipe; });
}

Pipe* Forwarder::owner_of(const Delivery& delivery) {
  for (auto& pipe : pipes_) {
    if (pipe->owner() == delivery.owner) return pipe.get();
  }
  return nullptr;
}

TimePoint Forwarder::turn(TimePoint now) {
  bool more = take_deliveries(now);
  for (auto& pipe : pipes_)
    pipe->settle(now);
  if (!stopping_) more = feed(now) || more;
  for (auto& pipe : pipes_)
    pipe->show(now);
  show_trouble(now);
  metrics_.heartbeat_ms.set(milliseconds_of(now));
  if (more) return now;
  auto due = TimePoint::max();
  for (const auto& pipe : pipes_)
    due = std::min(due, pipe->due(now));
  if (due <= now) return unless_idle(now);
  turns_without_work_ = 0;
  return due;
}

// The next turn may have to go on at once with what this one has begun. If turns do no work, the
// next one is put off.
TimePoint Forwarder::unless_idle(TimePoint now) {
  const auto work = work_done();
  const bool has_worked = std::exchange(work_seen_, work) != work;
  turns_without_work_ = has_worked ? 0 : turns_without_work_ + 1;
  if (turns_without_work_ < kTurnsWithoutWorkMax) return now;
  metrics_.idle_turns.add(1);
  return now + kIdleTurnDelay;
}

std::uint64_t Forwarder::work_done() const {
  std::uint64_t work = 0;
  for (const auto& buffer : metrics_.buffers) {
    for (const auto* figure : {&buffer.bytes_read, &buffer.bytes_confirmed, &buffer.bytes_freed,
                               &buffer.records_resent, &buffer.records_quarantined}) {
      work += figure->get();
    }
    work += buffer.records_gone();
  }
  return work;
}

// Reports are taken before lost clients are looked at, so that a record whose report has come does
// not count as lost with its client.
bool Forwarder::take_deliveries(TimePoint now) {
  deliveries_.clear();
  notices_.clear();
  const bool more = sink_.poll(deliveries_, notices_);
  for (const auto& delivery : deliveries_) {
    if (delivery.outcome == Outcome::lost) {
      for (auto& pipe : pipes_)
        pipe->lose(delivery.lane);
    } else if (auto* pipe = owner_of(delivery)) {
      pipe->take(delivery, now);
    }
  }
  metrics_.kafka_instances_renewed.set(sink_.losses());
  for (const auto& notice : notices_)
    say(notice);
  show_cluster();
  for (auto& pipe : pipes_)
    note_cluster(*pipe, now);
  return more;
}

// Each pipe has a bounded share of a turn, and each turn begins with another pipe, so none starves.
bool Forwarder::feed(TimePoint now) {
  bool more = false;
  for (std::size_t i = 0; i < pipes_.size(); ++i) {
    auto& pipe = *pipes_[(next_fed_ + i) % pipes_.size()];
    more = pipe.feed(now) == Pipe::Fed::more || more;
  }
  if (!pipes_.empty()) next_fed_ = (next_fed_ + 1) % pipes_.size();
  return more;
}

void Forwarder::say(const Notice& notice) {
  if (notice.code != 0) metrics_.client_errors.add(notice.code, 1);
  switch (notice.severity) {
    case Notice::Severity::info:
      return log_.info("kafka: {}", notice.text);
    case Notice::Severity::warning:
      return log_.warning("kafka: {}", notice.text);
    case Notice::Severity::error:
      return log_.error("kafka: {}", notice.text);
  }
}

void Forwarder::show_cluster() {
  metrics_.kafka_lost_offsets.set(sink_.lost_places());
  auto cluster = sink_.cluster();
  if (cluster == cluster_) return;
  if (!cluster_.empty()) metrics_.kafka_cluster_changes.add(1);
  cluster_ = std::move(cluster);
  metrics_.kafka_cluster.set(cluster_);
}

// A change during this run has been reported by the sink.
void Forwarder::note_cluster(Pipe& pipe, TimePoint now) {
  if (cluster_.empty() || pipe.cluster() == cluster_) return;
  const bool first_of_run = pipe.cluster().empty();
  const auto before = pipe.note_cluster(cluster_, now);
  if (!first_of_run || before.empty() || before == cluster_) return;
  if (!std::exchange(changed_since_last_run_, true)) metrics_.kafka_cluster_changes.add(1);
  log_.error(
      "{}: another cluster answers than in the run before: its cluster id is {}, before it was {}; "
      "what was confirmed by then is there, what waits goes to the new one",
      pipe.path(), cluster_, before);
}

void Forwarder::show_trouble(TimePoint now) {
  metrics_.kafka_away.set(sink_.is_up() ? 0 : 1);
  auto trouble = sink_.trouble();
  if (now >= brokers_due_ || trouble != trouble_) {
    brokers_due_ = now + kBrokersDelay;
    metrics_.kafka_brokers.set(sink_.brokers());
    metrics_.kafka_topics.set(sink_.topics());
  }
  if (trouble == trouble_) return;
  if (trouble_.empty()) metrics_.kafka_trouble_since_ms.set(milliseconds_of(now));
  trouble_ = std::move(trouble);
  metrics_.kafka_trouble.set(trouble_);
}

// Appends that have come need not have been noticed by now, so the files are looked at.
bool Forwarder::drained_by_files() {
  bool all = drained();
  for (auto& pipe : pipes_) {
    if (!all || !pipe->has_unread()) continue;
    pipe->wake();
    all = false;
  }
  return all;
}

void Forwarder::stop() {
  stopping_ = true;
  sink_.stop();
}

void Forwarder::take_last_deliveries(TimePoint now) {
  while (take_deliveries(now)) {
  }
}

bool Forwarder::drained() const {
  return std::all_of(pipes_.begin(), pipes_.end(),
                     [](const auto& pipe) { return pipe->drained(); });
}

bool Forwarder::all_drained_or_refused() const {
  return std::all_of(pipes_.begin(), pipes_.end(),
                     [](const auto& pipe) { return pipe->drained() || pipe->is_refused(); });
}

std::uint64_t Forwarder::set_aside_records() const {
  std::uint64_t records = 0;
  for (const auto& pipe : pipes_)
    records += pipe->set_aside_records();
  return records;
}

}  // namespace punchline
