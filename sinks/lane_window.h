#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "sinks/sink.h"

namespace punchline {

/// How many records one lane may have in the client. Pure: a value that is told what happened.
///
/// Three rules:
///  W1 *Opening.* A broker that has no state of a producer for a partition accepts any first
///     sequence number (Kafka, ProducerAppendInfo.checkSequence). So if the first request is
///     refused, the one queued after it would get in. Therefore exactly one record is in flight
///     until the first success with an offset. The same after kIdleMax without traffic, since
///     brokers forget idle producers.
///  W2 *Open.* As much as can be on the wire: 1.25 requests, so that one is always filled
///     (otherwise it waits for linger.ms); and in addition the amount delivered in kReportTime, at
///     most four requests. More is no faster and makes librdkafka's broker thread spin. Nothing is
///     sent after a flight that is older than kReportTime, unless half a request was in flight
///     within kRateTime. It would wait for the answer anyway, and if the broker is frozen that
///     thread would spin until socket.timeout.ms.
///  W3 *Careful.* After a refusal, each flight settles completely before the next. First, half of
///     the records that hold the suspect are sent, then half of the rest, until the suspect is
///     alone in its request. After that, each flight that arrived is followed by one twice as
///     large, until as many records have arrived as were in flight when the refusal came. Survives
///     reopen().
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

  /// What can be taken now. `share`, the lane's part of the whole budget, caps it.
  Room room(Room share, Time now) const;

  /// Call it before room() if time may have passed: it applies W1's idle rule.
  void look_at_clock(Time now);
  void offered(std::size_t records, std::size_t payload_bytes, Time now);
  void reported(const Delivery& delivery, Time now);
  /// The destination takes nothing of this lane for now, whatever the record (rights, settings).
  /// The lane becomes careful, beginning with one record.
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
  std::size_t suspects_ = 0;  // one of this many next records is refused
  bool flight_failed_ = false;
  bool flight_refused_ = false;

  Time rate_from_{};
  std::size_t rate_bytes_ = 0;
  std::size_t rate_records_ = 0;
  Room extra_;  // W2's second part
};

}  // namespace punchline
