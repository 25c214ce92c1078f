#include "agent/core/loss_account.h"

#include <algorithm>
#include <utility>

namespace punchline {
namespace {

constexpr Duration kRetryDelay = std::chrono::seconds(1);

}  // namespace

// All losses between two notes count as one occasion.
void LossAccount::add(LossReason reason, std::uint64_t records, std::uint64_t bytes) {
  Losses more{};
  const bool is_first = loss_of(pending_, reason).times == 0;
  loss_of(more, reason) = {is_first ? 1U : 0U, records, bytes};
  punchline::add(pending_, more);
  metrics_.lost(reason, records, bytes);
}

void LossAccount::expect(LossReason reason, std::uint64_t records, std::uint64_t bytes) {
  Losses more{};
  loss_of(more, reason) = {1, records, bytes};
  if (note_losses(file_, more)) punchline::add(expected_, more);
}

void LossAccount::settle_expected() {
  punchline::add(too_many_, std::exchange(expected_, {}));
}

void LossAccount::add_unread(LossReason reason, std::uint64_t bytes) {
  metrics_.bytes_read.add(bytes);
  add(reason, 0, bytes);
}

Status LossAccount::store(TimePoint now) {
  if (now < due()) return {};
  const auto noted = store_on(file_);
  store_due_ = noted ? TimePoint{} : now + kRetryDelay;
  return noted;
}

Status LossAccount::store_on(BufferFile& file) {
  if (is_noted()) return {};
  const auto noted = note_losses(file, pending_, &file == &file_ ? too_many_ : Losses{});
  if (!noted && noted.error().kind() != ErrorKind::unsupported) return noted;
  pending_ = {};
  too_many_ = {};
  return {};
}

void LossAccount::set_read_again(std::uint64_t records, std::uint64_t bytes) {
  again_records_ = records;
  again_bytes_ = bytes;
}

std::uint64_t LossAccount::take(std::uint64_t& credit, std::uint64_t count) {
  const auto taken = std::min(credit, count);
  credit -= taken;
  return count - taken;
}

}  // namespace punchline
