#include "tests/fuzz/walk.h"

#include <utility>

#include "tests/fuzz/input.h"

namespace punchline::fuzz {
namespace {

// Far more than the work is that any input can make, if it is linear.
constexpr std::uint64_t kStepsMax = 100'000;

}  // namespace

void Walk::set_fence() {
  const auto end = space_.end().value();
  if (space_.rules().careful_until() == end) return;
  space_.rules().fences.push_back(end);
  scanner_->forget();
}

void Walk::restart(Position from) {
  at_ = from;
  scanner_ = make_scanner(space_);
}

std::vector<Stretch> Walk::read() {
  std::vector<Stretch> found;
  for (std::uint64_t steps = 0; step(found); ++steps)
    must(steps < kStepsMax, "reading comes to an end");
  return found;
}

bool Walk::step(std::vector<Stretch>& found) {
  constexpr std::size_t kItemsMax = 5;
  std::vector<char> memory(needs_memory_ ? scanner_->memory_bytes() : memory_bytes_);
  std::vector<Item> items;
  const auto from = at_;
  const auto step = scanner_->step(from, UINT64_MAX, memory, kItemsMax, items);
  must(step.ok(), "a file without errors can be read");
  must(items.size() <= kItemsMax, "no more items than asked for");
  for (const auto& item : items)
    take(item, memory, from, found);
  must(step->next == at_, "it goes on behind the last stretch");
  must(at_ <= space_.end().value(), "nothing is found behind the end");
  must(!needs_memory_ || step->end != ScanStep::End::needs_memory, "memory_bytes() is enough");
  needs_memory_ = step->end == ScanStep::End::needs_memory;
  if (step->end != ScanStep::End::end_of_data) return true;
  must(step->unfinished_bytes <= space_.end().value() - at_, "what is unfinished is in the file");
  return false;
}

void Walk::take(const Item& item, const std::vector<char>& memory, Position read_from,
                std::vector<Stretch>& found) {
  must(item.range.begin == at_, "stretches follow each other");
  must(item.range.end > item.range.begin, "no stretch is empty");
  at_ = item.range.end;
  Stretch stretch{item, {}};
  if (item.kind == Item::Kind::record) {
    const auto begin = read_from + item.payload;
    must(item.range.contains({begin, begin + item.payload_bytes}), "a payload is in its stretch");
    must(std::size_t{item.payload} + item.payload_bytes <= memory.size(), "and in memory");
    must(item.payload_bytes <= space_.rules().record_bytes_max, "no record is over the limit");
    stretch.payload.assign(memory.data() + item.payload, item.payload_bytes);
  }
  found.push_back(std::move(stretch));
}

}  // namespace punchline::fuzz
