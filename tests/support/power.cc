#include "tests/support/power.h"

#include <algorithm>

namespace punchline::testing {
namespace {

constexpr std::uint64_t kSectorBytes = 512;

}  // namespace

void Disk::wrote(std::uint64_t offset, std::string_view bytes, std::uint64_t size_after) {
  changes_.push_back(
      {Change::Kind::write, {offset, offset + bytes.size()}, std::string(bytes), size_after});
}

void Disk::resized(std::uint64_t size) {
  changes_.push_back({Change::Kind::resize, {}, {}, size});
}

void Disk::punched(IndexRange offsets) {
  changes_.push_back({Change::Kind::punch, offsets});
}

// The kernel writes all data behind the cut before it moves anything.
void Disk::collapsed(IndexRange offsets) {
  synced();
  changes_.push_back({Change::Kind::collapse, offsets});
}

void Disk::set_attribute(std::string_view name, std::optional<std::string_view> value) {
  Change change{Change::Kind::attribute};
  change.text = name;
  if (value) change.value = std::string(*value);
  changes_.push_back(std::move(change));
}

void Disk::synced() {
  for (const auto& change : changes_) {
    apply_metadata(change, durable_);
    if (change.kind != Change::Kind::write || change.doomed) continue;
    durable_.put(change.offsets.begin, change.text);
  }
  changes_.clear();
}

void Disk::sync_failed() {
  for (auto& change : changes_)
    change.doomed = true;
}

void Disk::apply_metadata(const Change& change, MemoryImage& image) {
  switch (change.kind) {
    case Change::Kind::write:
      // A doomed or lost write leaves NULs, not what the page held in another life.
      image.size = std::max(image.size, change.size);
      return;
    case Change::Kind::resize:
      return image.resize(change.size);
    case Change::Kind::punch:
      return image.zero(change.offsets);
    case Change::Kind::collapse:
      image.shift(change.offsets, UINT64_MAX);
      image.size -= change.offsets.size();
      image.collapsed_bytes += change.offsets.size();
      return;
    case Change::Kind::attribute:
      if (change.value) {
        image.attributes[change.text] = *change.value;
      } else {
        image.attributes.erase(change.text);
      }
  }
}

// By sectors. Where the size is cut inside of it, the rest is gone.
void Disk::apply_data(const Change& change, Unsynced unsynced, std::mt19937& random,
                      MemoryImage& image) {
  const std::string_view text = change.text;
  for (auto at = change.offsets.begin; at < change.offsets.end;) {
    const auto end = std::min({change.offsets.end, (at / kSectorBytes + 1) * kSectorBytes});
    const bool kept = unsynced == Unsynced::kept ||
                      (unsynced != Unsynced::lost && !change.doomed && random() % 2 == 0);
    if (kept && !change.doomed && at < image.size) {
      image.put(at, text.substr(at - change.offsets.begin, std::min(end, image.size) - at));
    }
    at = end;
  }
}

const MemoryImage& Disk::cut(Unsynced unsynced, std::mt19937& random) {
  auto metadata = unsynced == Unsynced::kept   ? changes_.size()
                  : unsynced == Unsynced::lost ? 0
                                               : random() % (changes_.size() + 1);
  const bool by_chance = unsynced == Unsynced::some || unsynced == Unsynced::torn;
  const auto longer = by_chance ? random() % (metadata + 1) : metadata;
  for (std::size_t i = 0; i < metadata; ++i) {
    auto& change = changes_[i];
    const bool is_write = change.kind == Change::Kind::write;
    if (is_write && i >= longer) continue;
    // The last one that made the file longer may have come in part.
    if (is_write && unsynced == Unsynced::torn && i + 1 == longer) {
      const auto before = durable_.size;
      if (change.size > before) change.size = before + random() % (change.size - before + 1);
    }
    apply_metadata(change, durable_);
    if (change.kind == Change::Kind::write) apply_data(change, unsynced, random, durable_);
  }
  // Data that overtook its metadata: only what lies below the size can be seen.
  for (auto i = metadata; i < changes_.size(); ++i) {
    if (changes_[i].kind == Change::Kind::collapse) break;
    if (changes_[i].kind != Change::Kind::write) continue;
    apply_data(changes_[i], unsynced, random, durable_);
  }
  changes_.clear();
  return durable_;
}

}  // namespace punchline::testing
