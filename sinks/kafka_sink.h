#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/kafka_addresses.h"
#include "sinks/kafka_notices.h"
#include "sinks/kafka_settings.h"
#include "sinks/kafka_silence.h"
#include "sinks/kafka_stalls.h"
#include "sinks/kafka_supervisor.h"
#include "sinks/lane_window.h"
#include "sinks/log_mark.h"
#include "sinks/partition_count.h"
#include "sinks/sink.h"
#include "sinks/wake_fd.h"

namespace punchline {

/// The Sink that sends to Kafka, with librdkafka. A route is a topic.
///
/// It keeps the promises of Sink; `persisted` means a report with error 0 and an offset. Strict
/// order depends on three things. With enable.gapless.guarantee, a refused batch ends the client
/// instance before anything after it goes out. LaneWindow sends one record alone while that
/// guarantee does not hold yet. And offer() takes nothing while reports are unseen that may tell of
/// a failure. The code of a Delivery is an rd_kafka_resp_err_t (kafka_outcome.h).
///
/// The connections of a client instance decide what it may send and whether its reports count
/// (KafkaConnections). In addition each lane remembers the last offset that was confirmed. An
/// offset that is not above it shows that the log was set back (topic made anew, broker restored, a
/// leader that lacks records). Such a report counts as unknown, the loss is reported, and the
/// client is made anew.
///
/// There are two clients: the *main* one, and a *side* one for all lanes that are careful
/// (LaneWindow), while there are any. A refusal costs a client instance each time; with the side
/// client the other lanes are not affected by that, and a suspect is judged where nothing else is
/// under way. A lane changes its client only while it has nothing in flight.
///
/// Memory: librdkafka takes about 176 bytes for each record in flight, and a copy of the bytes on
/// the wire. Threads: one thread calls. Inside are librdkafka's own threads, and one for each
/// client that asks for metadata. While idle, nothing of ours runs but one question each
/// metadata_interval.
class KafkaSink final : public Sink {
 public:
  /// `refused` if librdkafka does not accept the settings, `io` if no thread can be started. No
  /// broker is needed.
  static Result<std::unique_ptr<KafkaSink>> open(const KafkaSettings& settings,
                                                 const KafkaLimits& limits = {});
  /// Waits at most limits.destroy_max. A client that takes longer is leaked with its chunks.
  ~KafkaSink() override;

  int wait_fd() const override { return wake_.fd(); }
  RouteId open_route(const std::string& name) override;
  std::int32_t partition_count(RouteId route) const override;
  Room room(Lane lane) const override;
  std::size_t offer(Lane lane, std::span<const Record> run) override;
  void set_time_of(TimeOf whose) override { time_of_ = whose; }
  bool poll(std::vector<Delivery>& deliveries, std::vector<Notice>& notices) override;
  /// The number of client instances that were given up.
  std::uint64_t losses() const override { return main_.losses() + side_.losses(); }
  std::string trouble() const override;
  bool is_up() const override { return !notices_.broker_away() && main_.start_failure().empty(); }
  bool is_missing(RouteId route) const override { return notices_.is_missing(route); }
  std::vector<BrokerState> brokers() const override { return stalls_.brokers(); }
  std::vector<TopicState> topics() const override;
  std::string cluster() const override { return cluster_; }
  std::uint64_t lost_places() const override { return lost_offsets_; }
  std::size_t outstanding() const override;
  void stop() override;

  /// Changes to the connection properties in `settings`; the other properties stay. A new client is
  /// tried beside the present ones, again and again, until it *stands* (KafkaTrial). Until then the
  /// present clients go on; if one is lost, it is made anew with the present properties. After that
  /// the records in flight have a moment to be reported, as after a loss. Notices tell of both, and
  /// why the new client does not stand yet. A second call ends the attempt of the first.
  void reconnect(const KafkaSettings& settings);

  /// The new client does not stand yet.
  bool reconnecting() const { return wanted_.has_value(); }

  /// Gives the main client instance up as after a fatal error. For tests.
  void lose_instance() { lose_requested_ = true; }

 private:
  using Time = std::chrono::steady_clock::time_point;

  struct LaneState {
    explicit LaneState(LaneWindow::Request request) : window(request) {}
    LaneWindow window;
    Time waiting_since{};   // when it began to have records in flight, or its last report
    bool refusing = false;  // a record refused here waits in local_
    bool aside = false;     // its client is the side one
    LogMark mark;
    KafkaPlace place;
    std::int32_t former = -1;  // the leader that got the records in flight, if another leads now
  };
  struct Route {
    std::string name;
    PartitionCount partitions;
    Time closed_until{};  // librdkafka refuses the topic
    std::vector<LaneState> lanes;
  };

  KafkaSink(const KafkaSettings& settings, const KafkaLimits& limits);
  static KafkaSettings without_linger(KafkaSettings settings);

  KafkaSupervisor& client_of(const LaneState& state) { return state.aside ? side_ : main_; }
  const KafkaSupervisor& client_of(const LaneState& state) const {
    return state.aside ? side_ : main_;
  }
  LaneState* find(Lane lane);
  const LaneState* find(Lane lane) const;
  Room share() const;
  std::size_t fitting(std::span<const Record> run, Room room) const;
  void refuse_here(Lane lane, LaneState& state, const Record& record);
  void not_taken(Lane lane, std::int32_t code);
  void close(Route& route);
  bool may_have_failed_unseen(const KafkaSupervisor& client) const;

  void take_local(std::vector<Delivery>& deliveries);
  bool poll(KafkaSupervisor& client, std::vector<Delivery>& deliveries,
            std::vector<Notice>& notices);
  void take(Delivery& delivery, std::vector<Notice>& notices);
  bool counts(const Delivery& delivery, LaneState& state, std::vector<Notice>& notices);
  void ask_addresses();
  void look_at_ends();
  void hear_ends(std::vector<Notice>& notices);
  void tell_set_back(Lane lane, std::int64_t from, LaneState& state, std::vector<Notice>& notices);
  void learn_cluster(std::vector<Notice>& notices);
  void choose_client(LaneState& state);
  void hear(const KafkaSaying& saying, std::vector<Notice>& notices);
  void hear_brokers();
  void hear_answers(std::vector<Notice>& notices);
  void ask_for_partitions();
  void hear_nobody(const TopicAnswer& answer, std::vector<Notice>& notices);
  void hear(const TopicAnswer& answer, std::vector<Notice>& notices);
  void look_for_loss(std::vector<Notice>& notices);
  void condemn_both(std::int32_t code, const std::string& why, std::vector<Notice>& notices);
  void renew_denied();
  void look_for_cut(KafkaSupervisor& client, std::vector<Notice>& notices);
  bool look_for_fatal(KafkaSupervisor& client, std::vector<Notice>& notices);
  void look_for_stalls(std::vector<Notice>& notices);
  std::vector<KafkaPeer> peers() const;
  void look_for_stuck(std::vector<Notice>& notices);
  bool is_stuck(const LaneState& lane) const;
  void condemn(KafkaSupervisor& client, std::int32_t code, const std::string& why,
               std::vector<Notice>& notices);
  void move_on(std::vector<Delivery>& deliveries, std::vector<Notice>& notices);
  void lose_lanes(bool aside, std::vector<Delivery>& deliveries);
  void look_at_trial(std::vector<Notice>& notices);
  void set_timer(bool more);

  KafkaSettings settings_;
  std::optional<KafkaSettings> wanted_;  // by reconnect(), not yet in force
  std::string trial_failure_told_;
  const KafkaLimits limits_;
  WakeFd wake_;
  KafkaSupervisor main_;
  KafkaSupervisor side_;
  KafkaNotices notices_;
  KafkaSilence silence_;
  KafkaStalls stalls_;
  Time stalls_due_{};
  std::vector<Route> routes_;
  std::size_t lanes_ = 0;  // over all routes
  std::vector<Delivery> local_;
  TimeOf time_of_ = TimeOf::sender;
  bool stopped_ = false;
  bool lose_requested_ = false;
  bool lacks_threads_ = false;  // a client could not start one, and no broker has answered since
  std::string start_failure_told_;
  KafkaAddressQuestion addresses_;
  std::string cluster_;  // its id
  std::uint64_t lost_offsets_ = 0;

  Time now_{};      // as of the last call
  Time drained_{};  // the last poll() that left nothing
  Time success_{};  // the last record persisted
  Time away_since_{};
  Time check_at_{};              // of the watchdog
  std::vector<Notice> pending_;  // for the next poll()
};

}  // namespace punchline
