#pragma once

#include <string>
#include <vector>

#include "sinks/sink.h"
#include "sinks/wake_fd.h"

namespace punchline {

/// Takes everything and confirms it at the next poll(): for benchmarks and tests of what feeds a
/// sink. The payload is not looked at. One thread calls it.
class NullSink final : public Sink {
 public:
  /// Every route has `partitions` partitions. `window_records` bounds what one lane takes
  /// between two polls.
  explicit NullSink(std::int32_t partitions, std::size_t window_records = 20'000);
  ~NullSink() override;
  NullSink(const NullSink&) = delete;
  NullSink& operator=(const NullSink&) = delete;

  int wait_fd() const override { return wake_.fd(); }
  RouteId open_route(const std::string& name) override;
  std::int32_t partition_count(RouteId route) const override;
  Room room(Lane lane) const override;
  std::size_t offer(Lane lane, std::span<const Record> run) override;
  bool poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) override;
  std::uint64_t epoch(Lane) const override { return 0; }
  std::uint64_t losses() const override { return 0; }
  std::size_t outstanding() const override { return outstanding_; }
  void stop() override { stopped_ = true; }

 private:
  struct Taken {
    Delivery delivery;
    Chunk* chunk = nullptr;
  };

  void take(Lane lane, const Record& record);

  const std::int32_t partitions_;
  const std::size_t window_records_;
  WakeFd wake_;
  bool stopped_ = false;
  std::size_t outstanding_ = 0;
  std::vector<std::string> routes_;
  std::vector<std::vector<std::size_t>> lane_records_;  // by route, then partition
  std::vector<Taken> taken_;
};

}  // namespace punchline
