#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "sinks/sink.h"

namespace punchline {

/// How much one lane may have in the client. Pure: a value that is told what happened.
///
/// Three rules.
///  W1 *Opening.* A broker that holds no state of a producer for a partition accepts any first
///     sequence number (Kafka, ProducerAppendInfo.checkSequence), so what is queued behind a
///     refused first request gets in. Until the first success with an offset exactly one record
///     is in flight; again so after kIdleMax without traffic, since brokers forget idle producers.
///  W2 *Open.* As much as can be on the wire: 1.25 requests so that one is always filled (else it
///     waits for linger.ms), and what is delivered in kReportTime besides, at most four requests.
///     More is no faster and makes librdkafka's broker thread spin. Nothing goes behind a flight
///     that is older than kReportTime, as long as none had half a request within kRateTime: it
///     would wait for the answer all the same, and where the broker is frozen that thread would
///     spin till socket.timeout.ms.
///  W3 *Careful.* After a refusal all of a flight settles before the next. Half of what holds the
///     suspect goes, then half of what is left of it: it ends up alone in its request. Behind it
///     twice as many after each flight that arrived, until as many have arrived as were in flight
///     when the refusal came. Survives reopen().
class LaneWindow {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// Bytes and records of one request, from the client's settings.
  struct Request {
    std::size_t bytes = 1'000'000;
    std::size_t records = 10'000;
  };

  static constexpr std::chrono::microseconds kReportTime{2000};
  static constexpr std::chrono::milliseconds kRateTime{20};
  static constexpr std::chrono::minutes kIdleMax{10};

  explicit LaneWindow(Request request) : request_(request) {}

  /// What can be taken now; `share` caps it (the lane's part of the whole budget).
  Room room(Room share, Time now) const;

  /// Called before room() where time may have passed: W1's idle rule.
  void look_at_clock(Time now);
  void offered(std::size_t records, std::size_t payload_bytes, Time now);
  void reported(const Delivery& delivery, Time now);
  /// The destination takes nothing of this lane for now, whatever the record (rights, settings):
  /// careful, beginning with one.
  void doubt();
  /// A new client instance: nothing is in flight, W1 begins again.
  void reopen();

  std::size_t records() const { return records_; }
  std::size_t payload_bytes() const { return payload_bytes_; }
  bool careful() const { return careful_goal_ != 0; }

 private:
  void settle(const Delivery& delivery);
  void note_refusal(std::size_t flight);
  void measure(const Delivery& delivery, Time now);
  Room whole() const;
  bool is_small_flight_out(Time now) const;
  void note_use(Time now);

  Request request_;
  std::size_t records_ = 0;  // in flight
  std::size_t payload_bytes_ = 0;
  bool proven_ = false;  // one success with an offset in this instance
  Time used_{};
  Time flight_from_{};
  Time large_at_{};  // when at least half a request was in flight

  std::size_t careful_goal_ = 0;  // 0: not careful
  std::size_t careful_done_ = 0;
  std::size_t careful_flight_ = 1;
  std::size_t suspects_ = 0;  // one of the next so many records is refused
  bool flight_failed_ = false;
  bool flight_refused_ = false;

  Time rate_from_{};
  std::size_t rate_bytes_ = 0;
  std::size_t rate_records_ = 0;
  Room extra_;  // W2's second part
};

}  // namespace punchline
