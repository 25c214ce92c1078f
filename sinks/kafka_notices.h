#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sinks/sink.h"

namespace punchline {

/// A broker as the cluster names it.
struct KafkaBroker {
  std::int32_t id = 0;
  std::string address;  ///< "host:port", from its advertised.listeners.
  friend bool operator==(const KafkaBroker&, const KafkaBroker&) = default;
};

/// Where a partition is.
struct KafkaPlace {
  std::int32_t leader = -1;  ///< A broker's id; -1: none.
  std::int32_t replicas = 0;
  std::int32_t in_sync = 0;
  friend bool operator==(const KafkaPlace&, const KafkaPlace&) = default;
};

/// What the cluster says of one topic.
struct TopicAnswer {
  RouteId route = 0;
  std::int32_t code = 0;        ///< rd_kafka_resp_err_t: of the question or of the topic.
  bool broker_answered = true;  ///< false: `code` is why nobody answered.
  std::int32_t partitions = 0;  ///< 0 where code != 0.
  std::vector<KafkaPlace> places = {};  ///< By partition; as many.
  std::vector<KafkaBroker> brokers = {};
  std::string silence = {};  ///< Where nobody answered: what is seen of our connections, or "".
  friend bool operator==(const TopicAnswer&, const TopicAnswer&) = default;
};

/// Turns what goes wrong into sentences for an operator: one when a trouble begins, one when it is
/// over, however often it is met in between; that no broker answers, or a topic cannot be used,
/// comes again and again. Pure. One thread.
///
/// librdkafka's own error events only tell the cause. "All brokers down" comes at each disconnect
/// of a one-broker cluster; that nobody answers a question is the proof.
class KafkaNotices {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// A lost client is told about so often at most.
  static constexpr std::chrono::seconds kLostInterval{60};
  /// A client that takes nothing is told about after so long: it learns of a topic within a second.
  static constexpr std::chrono::seconds kNotTakenMin{3};
  /// That still no broker answers, or a topic still cannot be used, is told so often.
  static constexpr std::chrono::minutes kStillInterval{5};

  /// Why a connection failed, as librdkafka puts it.
  void connection_error(std::int32_t code, const std::string& text, std::vector<Notice>& notices);
  /// Why a broker's certificate is not trusted, which the errors that follow do not say. (Of what
  /// waits in librdkafka's queue log lines come first.)
  void certificate_trouble(const std::string& text) { certificate_ = text; }
  void topic_answer(const TopicAnswer& answer, const std::string& topic,
                    std::vector<Notice>& notices);
  /// A report about records of `topic`.
  void delivery(const Delivery& delivery, const std::string& topic, std::vector<Notice>& notices);
  /// The client refused to take records of a lane, at once; told when that stays so.
  void not_taken(Lane lane, std::int32_t code, const std::string& topic, Time now,
                 std::vector<Notice>& notices);
  /// It took some.
  void taken(Lane lane) { not_taken_.erase(lane); }
  /// An error that is neither of the connection nor of a record.
  void other_error(std::int32_t code, const std::string& text, std::vector<Notice>& notices);
  /// The client instance is lost, a new one is made after `delay`.
  void lost(std::int32_t code, const std::string& text, std::chrono::milliseconds delay, Time now,
            std::vector<Notice>& notices);

  /// To be called often: tells what has lasted for long.
  void remind(Time now, std::vector<Notice>& notices);

  bool broker_away() const { return away_; }
  /// A connection has failed since a broker answered last.
  bool failing() const { return !cause_.empty(); }
  /// Why no broker answers, as far as is known; "" while one does.
  std::string trouble() const { return away_ ? why() : ""; }
  /// The cluster has said last that there is no such topic.
  bool is_missing(RouteId route) const;
  /// No broker answers, and the last one that was reached did not accept us or was not trusted.
  bool denied() const { return away_ && denied_; }

 private:
  struct Lost {
    Time told{};
    std::uint64_t untold = 0;
  };
  struct NotTaken {
    std::int32_t code = 0;
    Time since{};
    bool told = false;
  };
  struct TopicTrouble {
    std::int32_t code = 0;
    std::string topic;
    std::optional<Time> due;  ///< When to tell it again; as remind() has seen it.
  };
  void remind_of_nobody(Time now, std::vector<Notice>& notices);
  void broker_answers(std::vector<Notice>& notices);
  void tell_away(std::int32_t code, std::vector<Notice>& notices);
  std::string why() const;

  bool away_ = false;
  std::int32_t away_code_ = 0;      // of the question that nobody answered
  std::string silence_;             // likewise
  std::optional<Time> away_since_;  // as remind() has seen it
  Time still_due_{};
  bool denied_ = false;             // by cause_
  std::int32_t denial_ = 0;         // its code
  std::set<std::int32_t> denials_;  // that were told since brokers are away
  std::string cause_;
  std::string certificate_;
  std::map<RouteId, TopicTrouble> topic_trouble_;
  std::set<RouteId> topics_met_;  // that could be used once
  std::map<RouteId, std::int32_t> delivery_trouble_;
  std::map<Lane, NotTaken> not_taken_;
  std::set<std::int32_t> other_trouble_;
  std::map<std::int32_t, Lost> lost_;
};

}  // namespace punchline
