#include "sinks/lane_window.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace punchline {
namespace {

constexpr std::size_t kOneRecordBytes = 1;  // "one record, however large": see Sink::room()
constexpr std::size_t kExtraRequestsMax = 4;
/// rd_kafka_toppar_producer_serve() compares RD_KAFKA_IDEMP_MAX_INFLIGHT with a number of messages.
/// With more than this in flight, the next request waits for the answer, and the broker's thread
/// spins.
constexpr std::size_t kUnblockedRecordsMax = 4;

/// The amount that passes in kReportTime. 0 if that is less than a quarter of a request; four
/// requests at most.
std::size_t extra(std::size_t amount, std::chrono::microseconds elapsed, std::size_t request) {
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(elapsed.count(), 1));
  const auto report_time = static_cast<std::uint64_t>(LaneWindow::kReportTime.count());
  const std::size_t passing = amount * report_time / time;
  return passing < request / 4 ? 0 : std::min(passing, kExtraRequestsMax * request);
}

std::size_t half(std::size_t suspects) {
  return std::max<std::size_t>(suspects / 2, 1);
}

std::size_t left(std::size_t limit, std::size_t used) {
  return limit > used ? limit - used : 0;
}

}  // namespace

Room LaneWindow::whole() const {
  return {request_.records + request_.records / 4 + extra_.records,
          request_.bytes + request_.bytes / 4 + extra_.payload_bytes};
}

Room LaneWindow::room(Room share, Time now) const {
  if (!proven_) return records_ == 0 ? Room{1, kOneRecordBytes} : Room{};
  Room limit = whole();
  limit.records = std::min(limit.records, std::max<std::size_t>(share.records, 1));
  limit.payload_bytes =
      std::min(limit.payload_bytes, std::max<std::size_t>(share.payload_bytes, 1));
  if (careful()) {
    if (records_ != 0) return {};
    return {std::min(limit.records, careful_flight_), limit.payload_bytes};
  }
  if (payload_bytes_ >= limit.payload_bytes || is_small_flight_out(now)) return {};
  return {left(limit.records, records_), left(limit.payload_bytes, payload_bytes_)};
}

bool LaneWindow::is_small_flight_out(Time now) const {
  return records_ > kUnblockedRecordsMax && now - flight_from_ > kReportTime &&
         now - large_at_ > kRateTime;
}

void LaneWindow::note_use(Time now) {
  used_ = now;
  if (records_ >= request_.records / 2 || payload_bytes_ >= request_.bytes / 2) large_at_ = now;
}

void LaneWindow::look_at_clock(Time now) {
  if (records_ == 0 && proven_ && now - used_ > kIdleMax) proven_ = false;
}

void LaneWindow::offered(std::size_t records, std::size_t payload_bytes, Time now) {
  if (records_ == 0) {
    flight_failed_ = flight_refused_ = false;
    flight_from_ = now;
  }
  records_ += records;
  payload_bytes_ += payload_bytes;
  note_use(now);
}

void LaneWindow::reported(const Delivery& delivery, Time now) {
  assert(delivery.records <= records_ && delivery.payload_bytes <= payload_bytes_);
  const std::size_t flight = records_;
  note_use(now);
  records_ -= delivery.records;
  payload_bytes_ -= delivery.payload_bytes;
  if (delivery.outcome == Outcome::persisted) {
    proven_ = true;
    measure(delivery, now);
  }
  if (delivery.outcome == Outcome::refused) note_refusal(flight);
  if (careful()) settle(delivery);
}

/// The first refusal of a flight tells most: the refused record is in the part of it that was not
/// reported before.
void LaneWindow::note_refusal(std::size_t flight) {
  if (std::exchange(flight_refused_, true)) return;
  flight_failed_ = true;
  careful_goal_ = std::max(careful_goal_, flight);
  careful_done_ = 0;
  suspects_ = flight;
  careful_flight_ = half(suspects_);
}

void LaneWindow::doubt() {
  careful_goal_ = std::max<std::size_t>(careful_goal_, 1);
  careful_flight_ = 1;
  flight_failed_ = true;
}

/// Part of W3: a flight counts when all of it arrived.
void LaneWindow::settle(const Delivery& delivery) {
  if (delivery.outcome == Outcome::persisted) {
    careful_done_ += delivery.records;
    suspects_ = left(suspects_, delivery.records);
  } else {
    flight_failed_ = true;
  }
  if (records_ != 0 || flight_failed_) return;
  careful_flight_ = suspects_ > 0 ? half(suspects_) : careful_flight_ * 2;
  if (careful_done_ >= careful_goal_) careful_goal_ = 0;
}

void LaneWindow::measure(const Delivery& delivery, Time now) {
  rate_bytes_ += delivery.payload_bytes;
  rate_records_ += delivery.records;
  const auto elapsed = std::chrono::duration_cast<std::chrono::microseconds>(now - rate_from_);
  if (elapsed < kRateTime) return;
  extra_ = {extra(rate_records_, elapsed, request_.records),
            extra(rate_bytes_, elapsed, request_.bytes)};
  rate_from_ = now;
  rate_bytes_ = 0;
  rate_records_ = 0;
}

void LaneWindow::reopen() {
  records_ = 0;
  payload_bytes_ = 0;
  proven_ = false;
  flight_failed_ = false;
  flight_refused_ = false;
}

}  // namespace punchline
