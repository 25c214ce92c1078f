#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/kafka_instance.h"
#include "sinks/kafka_settings.h"

namespace punchline {

/// Settings that are to replace the present ones, and a client instance that tries them meanwhile.
/// No record goes through this instance before it *stands*: a cluster has let it in, has answered
/// its question for a producer id without an error that ends it, and has every topic that the
/// present instance can use. An instance that cannot be made, or does not stand in time, is made
/// anew, since a file may hold something else by then. This goes on without end.
///
/// The owner's thread calls everything; no call blocks.
class KafkaTrial {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// This long after the answer it is known whether the producer id was denied
  /// (rd_kafka_fatal_error).
  static constexpr std::chrono::milliseconds kSettle{100};

  /// `pause`: the time from a failed attempt to the next; twice that if nothing was heard.
  KafkaTrial(KafkaSettings settings, std::chrono::milliseconds pause)
      : settings_(std::move(settings)), pause_(pause) {}

  /// The settings of which the next instance is made.
  KafkaSettings& settings() { return settings_; }
  bool wants_instance(Time now) const { return instance_ == nullptr && now >= next_; }
  void take(Result<std::unique_ptr<KafkaInstance>> made, Time now);
  KafkaInstance* instance() const { return instance_.get(); }
  std::unique_ptr<KafkaInstance> give() { return std::move(instance_); }

  /// Polls the instance; true once it stands. `present` is nullptr if there is none; `topics` are
  /// by route.
  bool stands(const KafkaInstance* present, const std::vector<std::string>& topics, Time now);
  /// The instance, once it has had its time.
  std::unique_ptr<KafkaInstance> give_failed(Time now);
  /// When to look again, if nothing wakes us before.
  Time due() const;

  /// Why an attempt failed; empty before the first has. It changes when one fails for a reason that
  /// is new.
  const std::string& failure() const { return failure_; }

 private:
  void hear();
  bool has_all(const KafkaInstance* present, const std::vector<std::string>& topics);
  void object(std::int32_t code, std::string text);
  void fail(std::int32_t code, const std::string& text);

  KafkaSettings settings_;
  const std::chrono::milliseconds pause_;
  std::unique_ptr<KafkaInstance> instance_;
  Time made_{};
  Time next_{};  // when the instance has had its time, or the next is made
  std::optional<Time> proven_since_;
  std::string certificate_;        // why a broker's is not trusted
  std::int32_t objection_code_ = 0;
  std::string objection_;          // the last one against the instance
  std::set<std::pair<std::int32_t, std::string>> met_;  // reasons of failures: code, or text
  std::string failure_;
};

}  // namespace punchline
