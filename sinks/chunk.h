#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer/base/byte_range.h"

namespace punchline {

class Chunk;
class ChunkPool;
struct RecordExtra;

/// One record of a chunk: which bytes of the buffer it occupies, and which of them are sent.
/// The offsets are relative to the start of the chunk. A Record is an element of Chunk::records.
struct Record {
  Chunk* chunk = nullptr;
  std::uint32_t begin = 0;  ///< The record's extent in the buffer, [begin, end), to be freed.
  std::uint32_t end = 0;
  std::uint32_t payload = 0;  ///< The bytes that are sent: payload_bytes from here.
  std::uint32_t payload_bytes = 0;

  const char* data() const;
  ByteRange range() const;  ///< The extent as positions.
  /// What is sent beside the payload and the common headers; nullptr if there is nothing.
  const RecordExtra* extra() const;
  /// Empty if there is no key, which differs from an empty key.
  std::optional<std::string_view> key() const;
  /// The size of payload, key and headers.
  std::size_t sent_bytes() const;
};

/// One header of a record, as bytes relative to the start of the chunk.
struct RecordHeader {
  std::uint32_t name = 0;
  std::uint32_t name_bytes = 0;
  std::uint32_t value = 0;
  std::uint32_t value_bytes = 0;
  bool has_value = false;  ///< false: a null value.
};

/// What a record has beside its payload, because of its format or the configuration.
struct RecordExtra {
  std::int64_t timestamp_ms = -1;       ///< Since the epoch; -1: none, see TimeOf.
  std::optional<std::string_view> key;  ///< Lives as long as the chunk is held.
  std::uint32_t headers = 0;            ///< The first of header_count in Chunk::headers.
  std::uint32_t header_count = 0;
  /// An upper bound in all but rare cases: lengths have a fixed size in a frame, and are varints in
  /// Kafka.
  std::uint32_t headers_bytes = 0;
  std::uint32_t crc32c = 0;         ///< Of the payload; only with CommonHeaders::provenance.
  std::int64_t refused_time_ms = -1;  ///< The time it had, sent as kTimestampHeader; -1: none.

  /// From then on the record goes without its time; a header holds it instead.
  void refuse_time();
};

inline constexpr std::string_view kPositionHeader = "punchline.position";
inline constexpr std::string_view kSumHeader = "punchline.crc32c";
inline constexpr std::string_view kTimestampHeader = "punchline.timestamp";

/// The size that a header adds to a record, as Kafka and the client's own limit count it: its name
/// and its value, each after its length (zigzag varint).
std::size_t header_bytes(std::size_t name_bytes, std::size_t value_bytes);

/// Headers that are sent with each record of a chunk, after its own.
struct CommonHeaders {
  std::vector<std::pair<std::string, std::string>> headers;
  /// Adds two more: kPositionHeader, in decimal, and kSumHeader of the payload, in hex.
  bool provenance = false;
  std::size_t bytes = 0;  ///< What all of them add to a record, at least.

  void add(std::string name, std::string value);
  void add_provenance();
};

/// A piece of a buffer in memory, with the records found in it.
///
/// Sinks send out of this memory without copying, so it must not change while anybody holds it.
/// Holds are counted: the reader has one, and a sink has one for each record that it has taken.
/// When the last hold is released the chunk returns to its pool. One thread (the agent's) does all
/// of this.
class Chunk {
 public:
  Chunk(ChunkPool& pool, std::size_t bytes_max);
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  std::span<char> memory() { return {memory_.get(), bytes_max_}; }
  const char* data() const { return memory_.get(); }
  std::size_t bytes_max() const { return bytes_max_; }

  /// The position in the buffer of the first byte of memory().
  Position position = 0;
  /// The buffer it was lent for, by the reader's number. Sinks copy it into each Delivery.
  std::uint32_t owner = 0;
  /// Never grows beyond the capacity reserved by the pool, so records keep their addresses.
  std::vector<Record> records;
  /// Empty, or one for each of `records`.
  std::vector<RecordExtra> extras;
  std::vector<RecordHeader> headers;      ///< Of all records, in order.
  std::deque<std::string> texts;          ///< Keys that are not in memory().
  const CommonHeaders* common = nullptr;  ///< Not owned; needed while records are offered.

  void hold(std::uint32_t count) { holds_ += count; }
  /// Gives back `count` holds. After the last one the chunk must not be touched.
  void release(std::uint32_t count);
  std::uint32_t holds() const { return holds_; }

 private:
  ChunkPool& pool_;
  std::size_t bytes_max_;
  std::unique_ptr<char[]> memory_;
  std::uint32_t holds_ = 0;
};

/// Lends chunks and takes them back. Bounded; allocates nothing once warm. Chunks that a burst
/// needed are kept until trim() finds them idle.
///
/// Must outlive every chunk that it has lent. Not thread-safe.
class ChunkPool {
 public:
  static constexpr std::size_t kChunkBytes = 256 * 1024;
  static constexpr std::size_t kRecordsPerChunkMax = 8192;

  /// Lends about `bytes_max` bytes at a time. Beyond that, an owner that holds nothing is still
  /// lent a chunk of kChunkBytes, and one larger chunk at a time goes to the first that asks. So
  /// nobody waits for chunks that others do not give back.
  explicit ChunkPool(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  /// Returns a chunk with one hold (the caller's), no records, and space for `bytes` or
  /// kChunkBytes, whichever is more. nullptr when the bound is reached: wait for a release.
  Chunk* lend(std::size_t bytes = kChunkBytes, std::uint32_t owner = 0);

  /// Frees the chunks that were not needed since the last call; returns their bytes. Call it now
  /// and then, for example once a minute.
  std::size_t trim();

  std::size_t lent_bytes() const { return lent_bytes_; }
  std::size_t bytes_max() const { return bytes_max_; }

 private:
  friend class Chunk;
  void take_back(Chunk& chunk);
  bool may_exceed(std::size_t bytes, std::uint32_t owner) const;

  std::size_t bytes_max_;
  std::size_t lent_bytes_ = 0;
  std::vector<std::unique_ptr<Chunk>> chunks_;  // all that exist
  std::vector<Chunk*> free_;                    // standard size, ready to lend, last in first out
  std::size_t idle_ = 0;                        // how many at its front were idle since trim()
  std::map<std::uint32_t, std::size_t> held_;   // chunks, by owner
  const Chunk* extra_ = nullptr;                // a large one beyond the bound
};

inline const char* Record::data() const {
  return chunk->data() + payload;
}
inline const RecordExtra* Record::extra() const {
  if (chunk->extras.empty()) return nullptr;
  return &chunk->extras[static_cast<std::size_t>(this - chunk->records.data())];
}
inline std::optional<std::string_view> Record::key() const {
  const auto* more = extra();
  return more != nullptr ? more->key : std::nullopt;
}
inline std::size_t Record::sent_bytes() const {
  const auto* more = extra();
  std::size_t beside = chunk->common != nullptr ? chunk->common->bytes : 0;
  if (more != nullptr) beside += more->headers_bytes + (more->key ? more->key->size() : 0);
  return payload_bytes + beside;
}
inline ByteRange Record::range() const {
  return {chunk->position + begin, chunk->position + end};
}

}  // namespace punchline
