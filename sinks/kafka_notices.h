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

/// The cluster's answer about one topic.
struct TopicAnswer {
  RouteId route = 0;
  std::int32_t code = 0;        ///< rd_kafka_resp_err_t: of the question or of the topic.
  bool broker_answered = true;  ///< false: `code` says why nobody answered.
  std::int32_t partitions = 0;  ///< 0 if code != 0.
  std::vector<KafkaPlace> places = {};  ///< One for each partition.
  std::vector<KafkaBroker> brokers = {};
  std::string silence = {};  ///< If nobody answered: what is seen of our connections, or "".
  friend bool operator==(const TopicAnswer&, const TopicAnswer&) = default;
};

/// Turns troubles into sentences for an operator: one when a trouble begins and one when it is
/// over, however often it is met in between. Only two are repeated while they last: that no broker
/// answers, and that a topic cannot be used. Pure. One thread.
///
/// librdkafka's own error events are only used for the cause. "All brokers down" comes at each
/// disconnect from a one-broker cluster. The proof that brokers are away is a question that nobody
/// answers.
class KafkaNotices {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// Lost clients are reported at most this often.
  static constexpr std::chrono::seconds kLostInterval{60};
  /// A client that takes nothing is reported after this long: it learns of a topic within a second.
  static constexpr std::chrono::seconds kNotTakenMin{3};
  /// How often it is repeated that still no broker answers, or a topic still cannot be used.
  static constexpr std::chrono::minutes kStillInterval{5};

  /// Why a connection failed, in librdkafka's words.
  void connection_error(std::int32_t code, const std::string& text, std::vector<Notice>& notices);
  /// Why a broker's certificate is not trusted, which the errors that follow do not say. (Log lines
  /// come out of librdkafka's queue first.)
  void certificate_trouble(const std::string& text) { certificate_ = text; }
  void topic_answer(const TopicAnswer& answer, const std::string& topic,
                    std::vector<Notice>& notices);
  /// A report about records of `topic`.
  void delivery(const Delivery& delivery, const std::string& topic, std::vector<Notice>& notices);
  /// The client has refused, at once, to take records of a lane. Reported if that goes on.
  void not_taken(Lane lane, std::int32_t code, const std::string& topic, Time now,
                 std::vector<Notice>& notices);
  /// The client has taken records of the lane.
  void taken(Lane lane) { not_taken_.erase(lane); }
  /// An error that concerns neither a connection nor a record.
  void other_error(std::int32_t code, const std::string& text, std::vector<Notice>& notices);
  /// The client instance is lost; a new one is made after `delay`.
  void lost(std::int32_t code, const std::string& text, std::chrono::milliseconds delay, Time now,
            std::vector<Notice>& notices);

  /// Call it often: it repeats the troubles that last (kStillInterval).
  void remind(Time now, std::vector<Notice>& notices);

  bool broker_away() const { return away_; }
  /// A connection has failed since a broker answered last.
  bool failing() const { return !cause_.empty(); }
  /// Why no broker answers, if that is known; "" while one does.
  std::string trouble() const { return away_ ? why() : ""; }
  /// According to the cluster's last answer there is no such topic.
  bool is_missing(RouteId route) const;
  /// No broker answers, and the last one that was reached refused us or was not trusted.
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
    std::optional<Time> due;  ///< When to report it again; set by remind().
  };
  void remind_of_nobody(Time now, std::vector<Notice>& notices);
  void broker_answers(std::vector<Notice>& notices);
  void tell_away(std::int32_t code, std::vector<Notice>& notices);
  std::string why() const;

  bool away_ = false;
  std::int32_t away_code_ = 0;      // of the question that nobody answered
  std::string silence_;             // of the same question
  std::optional<Time> away_since_;  // set by remind()
  Time still_due_{};
  bool denied_ = false;             // by cause_
  std::int32_t denial_ = 0;         // its code
  std::set<std::int32_t> denials_;  // reported since no broker answers
  std::string cause_;
  std::string certificate_;
  std::map<RouteId, TopicTrouble> topic_trouble_;
  std::set<RouteId> topics_met_;  // those that were usable once
  std::map<RouteId, std::int32_t> delivery_trouble_;
  std::map<Lane, NotTaken> not_taken_;
  std::set<std::int32_t> other_trouble_;
  std::map<std::int32_t, Lost> lost_;
};

}  // namespace punchline
