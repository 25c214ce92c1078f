#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/memory_image.h"

namespace punchline::testing {

/// What a power cut leaves of the bytes that were not on disk yet.
enum class Unsynced : std::uint8_t { kept, lost, some, torn };
inline constexpr int kUnsyncedKinds = 4;

/// The parts of a file that would outlive a power cut.
///
/// The model is harsher than ext4, XFS and btrfs are. Metadata (attributes, stretches punched and
/// cut out) is written in order, so any first part of what was not synced may be there. So are the
/// sizes that appending leads to, but later than the rest (delayed allocation). Data is written in
/// any order, by sectors of 512 bytes, so any of it may be there; the rest is NUL. A failed sync
/// drops the data that it should have written, whatever later syncs say.
class Disk {
 public:
  explicit Disk(MemoryImage now) : durable_(std::move(now)) {}

  // What was done to the file, in order.
  void wrote(std::uint64_t offset, std::string_view bytes, std::uint64_t size_after);
  void resized(std::uint64_t size);
  void punched(IndexRange offsets);
  void collapsed(IndexRange offsets);
  void set_attribute(std::string_view name, std::optional<std::string_view> value);
  void synced();
  void sync_failed();

  /// What is there for certain.
  const MemoryImage& durable() const { return durable_; }
  /// What is there after a cut at this moment. From then on that is durable.
  const MemoryImage& cut(Unsynced unsynced, std::mt19937& random);

 private:
  struct Change {
    enum class Kind : std::uint8_t { write, resize, punch, collapse, attribute };
    Kind kind = Kind::write;
    IndexRange offsets{};
    std::string text = {};  // written, or the attribute's name
    std::uint64_t size = 0;
    std::optional<std::string> value = {};
    bool doomed = false;
  };

  static void apply_metadata(const Change& change, MemoryImage& image);
  static void apply_data(const Change& change, Unsynced unsynced, std::mt19937& random,
                         MemoryImage& image);

  MemoryImage durable_;
  std::vector<Change> changes_;  // since the last sync
};

}  // namespace punchline::testing
