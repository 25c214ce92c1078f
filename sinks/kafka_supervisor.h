#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffer/base/result.h"
#include "sinks/kafka_instance.h"
#include "sinks/kafka_settings.h"
#include "sinks/kafka_trial.h"
#include "sinks/wake_fd.h"

namespace punchline {

/// Limits of the Kafka sink. Defaults are for production, tests shorten the times.
struct KafkaLimits {
  std::size_t records_max = 50'000;                     ///< In the client, over all lanes.
  std::size_t payload_bytes_max = 16U << 20U;           ///< The same for payload bytes.
  std::chrono::milliseconds metadata_interval{60'000};  ///< New partitions are seen within this.
  std::chrono::milliseconds stuck_max{300'000};  ///< A lane without report while others have some.
  std::chrono::milliseconds away_max{600'000};   ///< No broker: perhaps all have moved (KIP-899).
  std::chrono::milliseconds denied_max{5'000};   ///< The same if they deny us (TLS, SASL).
  std::chrono::milliseconds trial_pause{5'000};  ///< From one attempt to the next (KafkaTrial).
  std::chrono::milliseconds dying_max{1'000};    ///< How long a lost instance still reports.
  std::chrono::milliseconds destroy_max{500};    ///< How long the destructor waits.
};

/// Keeps one client instance alive while one is wanted. It gives a lost instance time to report the
/// records that it sent, has it destroyed on the side, and makes the next one: at once the first
/// time, then with a growing delay until something was delivered. Fatal errors are part of normal
/// running with librdkafka 2.0.2 (#4438). On demand it tries new settings beside the present
/// instance before it changes to them.
/// The owner's thread calls everything; no call blocks but the destructor (destroy_max).
class KafkaSupervisor {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::milliseconds kDelayMin{100};
  static constexpr std::chrono::milliseconds kDelayMax{5000};
  static constexpr std::size_t kRetiredMax = 2;  ///< Instances that are being destroyed.

  /// `wake` must outlive this object. It wakes when there is something to poll, here or in an
  /// instance.
  KafkaSupervisor(KafkaSettings settings, KafkaLimits limits, WakeFd& wake);
  ~KafkaSupervisor();
  KafkaSupervisor(const KafkaSupervisor&) = delete;
  KafkaSupervisor& operator=(const KafkaSupervisor&) = delete;

  /// Makes the first instance; from then on one is wanted. `refused` if librdkafka does not accept
  /// the settings, `io` if no thread can be started.
  Status start();
  /// Condemns the present instance, as expected, and makes the next one with these settings.
  void renew(KafkaSettings settings, Time now);
  /// The same, but only once an instance with these settings stands (KafkaTrial). That instance
  /// then takes the place of the present one, which goes on until then. Ends an earlier attempt.
  void try_out(KafkaSettings settings);
  /// An attempt of try_out() is under way.
  bool trying() const { return trial_.has_value(); }
  /// Why it has not succeeded yet; empty while that is not known.
  std::string trial_failure() const { return trial_ ? trial_->failure() : ""; }
  /// Whether an instance is wanted. One that is not wanted is retired once it has reported
  /// everything.
  void want(bool wanted) { wanted_ = wanted; }
  /// False if librdkafka refuses the name.
  bool add_route(RouteId route, const std::string& name);

  /// The instance that takes records; nullptr while there is none.
  KafkaInstance* taking() { return dying_ ? nullptr : instance_.get(); }
  const KafkaInstance* taking() const { return dying_ ? nullptr : instance_.get(); }
  /// The instance that gives reports; nullptr while there is none.
  KafkaInstance* reporting() { return instance_.get(); }
  const KafkaInstance* reporting() const { return instance_.get(); }
  /// The number of records taken and not reported.
  std::size_t outstanding() const { return instance_ ? instance_->outstanding() : 0; }

  /// The instance is lost: it takes nothing more, and reports until it is empty or dying_max is
  /// over. Returns the delay after which the next is made. There is none if its end was `expected`,
  /// since the caller then sees to it that the next end does not follow at once.
  std::chrono::milliseconds condemn(Time now, bool expected);
  /// Takes back the records that were not sent; no further instance is made.
  void stop();
  /// Something was delivered, so the next loss counts as a first one again.
  void note_success() { losses_ = 0; }
  /// Does what is due. True if an instance is gone: what it has not reported nobody will report.
  bool advance(Time now);
  /// When advance() has to be called next, if nothing wakes us before.
  std::optional<Time> due() const;
  /// Why the last attempt to make an instance failed; empty if it did not.
  const std::string& start_failure() const { return start_failure_; }

  /// How many are gone so far.
  std::uint64_t losses() const { return gone_; }

 private:
  bool lacks_one() const;
  Result<std::unique_ptr<KafkaInstance>> make(KafkaSettings& settings) const;
  Status make();
  void retire();
  void let_go(std::unique_ptr<KafkaInstance> instance);
  void advance_trial(Time now);

  KafkaSettings settings_;
  const KafkaLimits limits_;
  WakeFd& wake_;
  std::vector<std::string> routes_;
  std::unique_ptr<KafkaInstance> instance_;
  std::optional<KafkaTrial> trial_;
  std::unique_ptr<KafkaInstance> successor_;  // it stands, and waits for the end of instance_
  std::vector<std::unique_ptr<KafkaInstance>> retired_;
  bool wanted_ = false;
  bool dying_ = false;
  bool stopped_ = false;
  Time retire_at_{};
  Time make_at_{};
  std::uint32_t losses_ = 0;
  std::uint64_t gone_ = 0;
  std::string start_failure_;
};

}  // namespace punchline
