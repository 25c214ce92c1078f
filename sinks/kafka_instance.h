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

/// Something that a client instance reported besides deliveries.
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

/// One librdkafka producer, from its start to its destruction. KafkaSink makes a new one when it is
/// lost.
///
/// Each call of produce() sends to one fixed partition out of the chunk's memory, without a copy.
/// It uses rd_kafka_produce_batch, or rd_kafka_produceva if records have headers or timestamps,
/// which a batch cannot carry. Reports are read as events from the main queue, and kept until the
/// connections are vouched for (KafkaConnections). librdkafka calls no code of ours but
/// KafkaConnections and explain_certificate().
///
/// Life: start(), then produce() and poll(); then retire(); when gone(), release the chunks;
/// delete. The owner's thread calls everything. Two rules come from librdkafka 2.0.2, both from
/// rd_kafka_produce_batch in rdkafka_msg.c: never set RD_KAFKA_MSG_F_PARTITION (a refused message
/// leaks), and send no payload above payload_bytes_max (it would be skipped, and the records after
/// it would overtake it).
class KafkaInstance {
 public:
  /// The most records of one produce(): the topic's lock is held meanwhile.
  static constexpr std::size_t kRunMax = 4096;
  /// If a report is not vouched for within this time, it counts as unknown and the instance is
  /// lost.
  static constexpr std::chrono::seconds kHoldMax{30};

  /// `wake` is woken when poll() has something. It must outlive the instance (see leak()).
  /// `refused` as for start_kafka_client(), `io` if no thread can be started.
  static Result<std::unique_ptr<KafkaInstance>> start(const KafkaSettings& settings,
                                                      const WakeFd& wake,
                                                      std::chrono::milliseconds metadata_interval);
  ~KafkaInstance();
  KafkaInstance(const KafkaInstance&) = delete;
  KafkaInstance& operator=(const KafkaInstance&) = delete;

  /// Call it in the order of the ids, 0, 1, 2 ... False if librdkafka refuses the name.
  bool add_route(RouteId route, const std::string& topic);

  struct Taken {
    std::size_t records = 0;  ///< The length of the prefix that was taken.
    std::int32_t code = 0;    ///< Why not all were taken: rd_kafka_resp_err_t.
  };
  /// Hands at most kRunMax records of `run` to librdkafka. `run` is not empty and of one chunk.
  Taken produce(Lane lane, std::span<const Record> run, TimeOf time_of);

  /// Takes the reports on about `records_max` records. Neighbours with the same outcome become one
  /// Delivery. Their chunks are released. True if there can be more.
  bool poll(std::size_t records_max, std::vector<Delivery>& deliveries,
            std::vector<KafkaSaying>& sayings);
  /// There are reports that poll() has not seen.
  bool has_unseen() const;
  /// Reports wait for a connection to be vouched for. Offer nothing more until they are released.
  bool holds_reports() const { return !held_.empty(); }
  /// Set once the instance is lost: nothing more can be produced, but sent records are still
  /// reported.
  std::optional<KafkaSaying> fatal() const;
  /// All connections are gone, so the cluster may have been set back meanwhile. Give the instance
  /// up before anything is sent again.
  bool cut() const { return connections_->cut(); }
  /// The instance, or the caller of miss(), has wanted a connection that is not allowed.
  bool missed() const { return missed_; }
  void miss() { missed_ = true; }
  std::set<std::int32_t> take_heard() { return connections_->take_heard(); }
  std::vector<KafkaThrottle> take_throttles() { return connections_->take_throttles(); }
  std::vector<KafkaPeer> peers() const { return connections_->peers(); }
  /// The id of the cluster that it talks to; empty while not known.
  std::string cluster() const { return watch_->cluster(); }
  /// A broker has answered its question for a producer id. If the id was denied, fatal() is set.
  bool has_id() const { return connections_->has_id(); }
  std::optional<std::vector<TopicAnswer>> known_topics() const { return watch_->known_topics(); }
  /// Takes back the records that have not been sent; each gets its report.
  void purge();

  KafkaWatch& watch() { return *watch_; }
  /// The number of records produced and not reported.
  std::size_t outstanding() const { return holds_.records(); }

  /// Begins to destroy the client. After it only gone(), wait_gone() and leak() may be called.
  void retire();
  bool gone() const { return watch_->gone(); }
  bool wait_gone(std::chrono::steady_clock::time_point deadline) {
    return watch_->wait_gone(deadline);
  }
  /// For a client that does not end: its chunks stay held for ever, since it may still read them.
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
  std::string two_clusters_;  // librdkafka's text, once brokers of two clusters were met
  bool missed_ = false;
  std::vector<rd_kafka_topic_s*> topics_;  // by route; nullptr: refused name
  std::vector<rd_kafka_message_s> batch_;  // reused by each produce()
  std::vector<rd_kafka_vu_s> arguments_;   // the same, for one record
  ChunkHolds holds_;
  bool order_lost_ = false;
  bool leaked_ = false;
};

}  // namespace punchline
