#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "buffer/result.h"
#include "sinks/kafka_notices.h"
#include "sinks/kafka_settings.h"
#include "sinks/kafka_supervisor.h"
#include "sinks/lane_window.h"
#include "sinks/sink.h"

namespace punchline {

/// Sends to Kafka with librdkafka. A route is a topic.
///
/// Promises what Sink does; `persisted` means a report with error 0 and an offset. Strict order
/// rests on three things: enable.gapless.guarantee, by which a refused batch ends the client
/// instance before anything behind it goes out; LaneWindow, which lets one record go alone where
/// that guarantee does not hold yet; and offer(), which takes nothing while reports wait unseen
/// that may tell of a failure. Deliveries carry rd_kafka_resp_err_t as code (kafka_outcome.h).
///
/// epoch() counts client instances that were given up. Memory: librdkafka takes about 176 bytes
/// for each record in flight and a copy of what is on the wire. Threads: one thread calls; inside
/// are librdkafka's own and one that asks for metadata. Nothing of ours runs while idle but one
/// question each metadata_interval.
class KafkaSink final : public Sink {
 public:
  /// `refused` where librdkafka does not accept the settings. No broker is needed.
  static Result<std::unique_ptr<KafkaSink>> open(const KafkaSettings& settings,
                                                 const KafkaLimits& limits = {});
  /// Waits at most limits.destroy_max; a client that hangs longer is left behind with its chunks.
  ~KafkaSink() override;

  int wait_fd() const override { return supervisor_.wake().fd(); }
  RouteId open_route(const std::string& name) override;
  std::int32_t partition_count(RouteId route) const override;
  Room room(Lane lane) const override;
  std::size_t offer(Lane lane, std::span<const Record> run) override;
  bool poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) override;
  std::uint64_t epoch() const override { return supervisor_.epoch(); }
  std::size_t outstanding() const override;
  void stop() override;

  /// Gives the client instance up as after a fatal error. For tests.
  void lose_instance() { lose_requested_ = true; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct LaneState {
    explicit LaneState(LaneWindow::Request request) : window(request) {}
    LaneWindow window;
    Time waiting_since{};   // begin of what is in flight, or its last report
    bool refusing = false;  // a record refused here waits in local_
  };
  struct Route {
    std::string name;
    std::int32_t partitions = 0;
    Time closed_until{};  // librdkafka refuses the topic
    std::vector<LaneState> lanes;
  };

  KafkaSink(const KafkaSettings& settings, const KafkaLimits& limits);

  LaneState* find(Lane lane);
  const LaneState* find(Lane lane) const;
  Room share() const;
  std::size_t fitting(std::span<const Record> run, Room room) const;
  void refuse_here(Lane lane, LaneState& state, const Record& record);
  void close(Route& route);
  bool may_have_failed_unseen() const;

  void take_local(std::vector<Delivery>& deliveries);
  void take(const Delivery& delivery, std::vector<Notice>& notices);
  void hear(const KafkaSaying& saying, std::vector<Notice>& notices);
  void hear_answers(std::vector<Notice>& notices);
  void hear(const TopicAnswer& answer, std::vector<Notice>& notices);
  void look_for_loss(std::vector<Notice>& notices);
  std::string find_stuck() const;
  void condemn(std::int32_t code, const std::string& why, std::vector<Notice>& notices);
  void move_on(std::vector<Notice>& notices);
  void set_timer(bool more);

  const KafkaSettings settings_;
  const KafkaLimits limits_;
  KafkaSupervisor supervisor_;
  KafkaNotices notices_;
  std::vector<Route> routes_;
  std::size_t lanes_ = 0;  // over all routes
  std::vector<Delivery> local_;
  bool stopped_ = false;
  bool lose_requested_ = false;
  std::string start_failure_told_;

  Time now_{};      // as of the last call
  Time drained_{};  // the last poll() that left nothing
  Time success_{};  // the last record persisted
  Time away_since_{};
  Time check_at_{};              // of the watchdog
  std::vector<Notice> pending_;  // for the next poll()
};

}  // namespace punchline
