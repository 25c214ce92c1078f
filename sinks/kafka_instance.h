#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/chunk_holds.h"
#include "sinks/kafka_connections.h"
#include "sinks/kafka_settings.h"
#include "sinks/kafka_watch.h"
#include "sinks/sink.h"
#include "sinks/wake_fd.h"

struct rd_kafka_message_s;
struct rd_kafka_op_s;
struct rd_kafka_vu_s;

namespace punchline {

/// Something a client instance said that is not a delivery report.
struct KafkaSaying {
  enum class Kind : std::uint8_t {
    error,
    log,
    certificate,  ///< Why a broker's certificate is not trusted; an error follows.
  };
  Kind kind = Kind::error;
  std::int32_t code = 0;  ///< error: rd_kafka_resp_err_t; log: syslog level, 0 to 7.
  std::string text;
};

/// One librdkafka producer, from birth to destruction. KafkaSink makes a new one when it is lost.
///
/// Produces to one fixed partition out of the chunks' memory, without a copy: by
/// rd_kafka_produce_batch, or by rd_kafka_produceva where records have headers or timestamps, which
/// a batch cannot carry. Reads reports as events from the main queue, and keeps them until its
/// connections are vouched for (KafkaConnections). librdkafka calls nothing of ours but these and
/// explain_certificate(). Life: start(), then produce() and poll(); retire(); when gone(),
/// release the chunks; delete. All by the owner's thread. Two rules come from librdkafka 2.0.2:
/// never RD_KAFKA_MSG_F_PARTITION (a refused message leaks), and no payload above payload_bytes_max
/// (it would be skipped, and what is behind it overtake it); both in rd_kafka_produce_batch of
/// rdkafka_msg.c.
class KafkaInstance {
 public:
  /// Records of one produce() at most: the topic's lock is held meanwhile.
  static constexpr std::size_t kRunMax = 4096;
  /// After so long without being vouched for a report counts as unknown, and the instance is lost.
  static constexpr std::chrono::seconds kHoldMax{30};

  /// Wakes `wake` when poll() has something; it must outlive the instance (see leak()). `refused`
  /// as start_kafka_client(), `io` where no thread can be started.
  static Result<std::unique_ptr<KafkaInstance>> start(const KafkaSettings& settings,
                                                      const WakeFd& wake,
                                                      std::chrono::milliseconds metadata_interval);
  ~KafkaInstance();
  KafkaInstance(const KafkaInstance&) = delete;
  KafkaInstance& operator=(const KafkaInstance&) = delete;

  /// Routes come in the order of their ids, 0, 1, 2 ... False where librdkafka refuses the name.
  bool add_route(RouteId route, const std::string& topic);

  struct Taken {
    std::size_t records = 0;  ///< A prefix.
    std::int32_t code = 0;    ///< Why not all: rd_kafka_resp_err_t.
  };
  /// Hands over at most kRunMax records of `run`, which is not empty and of one chunk.
  Taken produce(Lane lane, std::span<const Record> run, TimeOf time_of);

  /// Takes reports of about `records_max` records; neighbours with the same fate are one
  /// Delivery. Their chunks are released. True where there may be more.
  bool poll(std::size_t records_max, std::vector<Delivery>& deliveries,
            std::vector<KafkaSaying>& sayings);
  /// Reports wait that poll() has not seen.
  bool has_unseen() const;
  /// Reports wait for a connection to be vouched for: offer nothing behind them.
  bool holds_reports() const { return !held_.empty(); }
  /// Set once the instance is lost: nothing more can be produced, what was sent is still reported.
  std::optional<KafkaSaying> fatal() const;
  /// All connections went away, so that the cluster may have been set back meanwhile: to be given
  /// up before anything is sent again.
  bool cut() const { return connections_->cut(); }
  /// Somebody, or the instance itself, has wanted a connection that it may not have.
  bool missed() const { return missed_; }
  void miss() { missed_ = true; }
  std::set<std::int32_t> take_heard() { return connections_->take_heard(); }
  std::vector<KafkaThrottle> take_throttles() { return connections_->take_throttles(); }
  std::vector<KafkaPeer> peers() const { return connections_->peers(); }
  /// The id of the cluster that it talks to; empty while not known.
  std::string cluster() const { return watch_->cluster(); }
  /// A broker has answered its question for a producer id; fatal() tells where it was denied.
  bool has_id() const { return connections_->has_id(); }
  std::optional<std::vector<TopicAnswer>> known_topics() const { return watch_->known_topics(); }
  /// Takes back what has not been sent; each record gets its report.
  void purge();

  KafkaWatch& watch() { return *watch_; }
  /// Produced and not reported.
  std::size_t outstanding() const { return holds_.records(); }

  /// Nothing but gone() may be called after it.
  void retire();
  bool gone() const { return watch_->gone(); }
  bool wait_gone(std::chrono::steady_clock::time_point deadline) {
    return watch_->wait_gone(deadline);
  }
  /// For one that does not end: its chunks stay held for ever, since it may still read them.
  void leak() { leaked_ = true; }

 private:
  struct Run;
  KafkaInstance(rd_kafka_s* client, const WakeFd& wake,
                std::shared_ptr<KafkaConnections> connections, std::unique_ptr<KafkaWatch> watch);
  void hear_error(rd_kafka_op_s* event, std::vector<KafkaSaying>& sayings);
  void hear_log(rd_kafka_op_s* event, std::vector<KafkaSaying>& sayings);
  void release_reports(std::vector<Delivery>& deliveries);
  bool trusted() const;
  void take_reports(rd_kafka_op_s* event, std::vector<Delivery>& deliveries);
  void extend(Run& run, const rd_kafka_message_s& report, std::vector<Delivery>& deliveries);
  void finish(Run& run, std::vector<Delivery>& deliveries);
  Taken taken_short(std::span<const Record> run, std::size_t good);
  Taken produce_batch(Lane lane, std::span<const Record> run);
  Taken produce_each(Lane lane, std::span<const Record> run, TimeOf time_of);
  std::int32_t produce_one(Lane lane, const Record& record, TimeOf time_of);

  rd_kafka_s* client_;
  rd_kafka_queue_s* queue_;
  std::shared_ptr<KafkaConnections> connections_;
  std::unique_ptr<KafkaWatch> watch_;
  std::deque<rd_kafka_op_s*> held_;  // events with reports
  std::optional<std::chrono::steady_clock::time_point> held_since_;
  bool held_too_long_ = false;
  std::string two_clusters_;  // what librdkafka said of them
  bool missed_ = false;
  std::vector<rd_kafka_topic_s*> topics_;  // by route; nullptr: refused name
  std::vector<rd_kafka_message_s> batch_;  // reused by each produce()
  std::vector<rd_kafka_vu_s> arguments_;   // likewise, of one record
  ChunkHolds holds_;
  bool order_lost_ = false;
  bool leaked_ = false;
};

}  // namespace punchline
