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

/// One record of a chunk: which bytes of the buffer it occupies and which of them are sent.
/// All four numbers are bytes relative to the start of the chunk. It stands in Chunk::records.
struct Record {
  Chunk* chunk = nullptr;
  std::uint32_t begin = 0;  ///< The record's extent in the buffer, [begin, end): what is freed.
  std::uint32_t end = 0;
  std::uint32_t payload = 0;  ///< What is sent: payload_bytes from here.
  std::uint32_t payload_bytes = 0;

  const char* data() const;
  ByteRange range() const;  ///< The extent as positions.
  /// What it is sent with beside the payload and the common headers; nullptr where that is nothing.
  const RecordExtra* extra() const;
  /// The key; nothing where there is none, which is not an empty one.
  std::optional<std::string_view> key() const;
  /// Payload, key and headers.
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

/// What a record has besides its payload, by its format or by the configuration.
struct RecordExtra {
  std::int64_t timestamp_ms = -1;       ///< Since the epoch; -1: none, see TimeOf.
  std::optional<std::string_view> key;  ///< Lives as long as the chunk is held.
  std::uint32_t headers = 0;            ///< The first of header_count in Chunk::headers.
  std::uint32_t header_count = 0;
  std::uint32_t headers_bytes = 0;  ///< With lengths in the frame's fixed size, nearly never less.
  std::uint32_t crc32c = 0;         ///< Of the payload; only with CommonHeaders::provenance.
  std::int64_t refused_time_ms = -1;  ///< The time it had, sent as kTimestampHeader; -1: none.

  /// It goes without its time, which a header tells instead.
  void refuse_time();
};

inline constexpr std::string_view kPositionHeader = "punchline.position";
inline constexpr std::string_view kSumHeader = "punchline.crc32c";
inline constexpr std::string_view kTimestampHeader = "punchline.timestamp";

/// What a header adds to a record, as Kafka and the client's own limit count it: its name and its
/// value, each behind its length (zigzag varint).
std::size_t header_bytes(std::size_t name_bytes, std::size_t value_bytes);

/// Headers that each record of a chunk is sent with, behind its own.
struct CommonHeaders {
  std::vector<std::pair<std::string, std::string>> headers;
  /// Two more: kPositionHeader, decimal, and kSumHeader of the payload, in hex.
  bool provenance = false;
  std::size_t bytes = 0;  ///< What all of them add to a record, at least.

  void add(std::string name, std::string value);
  void add_provenance();
};

/// A piece of a buffer read into memory, with the records found in it.
///
/// Sinks send out of this memory without copying, so it stays as it is while anybody holds it.
/// Holds are counted: the reader has one, a sink has one for each record it has taken. With the
/// last hold gone the chunk is back in its pool. One thread (the agent's) does all of this.
class Chunk {
 public:
  Chunk(ChunkPool& pool, std::size_t bytes_max);
  Chunk(const Chunk&) = delete;
  Chunk& operator=(const Chunk&) = delete;

  std::span<char> memory() { return {memory_.get(), bytes_max_}; }
  const char* data() const { return memory_.get(); }
  std::size_t bytes_max() const { return bytes_max_; }

  /// Position of the first byte; what is read into memory() begins there.
  Position position = 0;
  /// Which of its buffers the reader took it from; sinks copy it into each Delivery.
  std::uint32_t owner = 0;
  /// Never grows beyond the capacity reserved by the pool, so that records keep their addresses.
  std::vector<Record> records;
  /// Empty, or one for each of `records`.
  std::vector<RecordExtra> extras;
  std::vector<RecordHeader> headers;      ///< Of all of them, in order.
  std::deque<std::string> texts;          ///< Keys that do not stand in memory().
  const CommonHeaders* common = nullptr;  ///< Not owned; needed while records are offered.

  void hold(std::uint32_t count) { holds_ += count; }
  /// Gives back `count` holds; with the last the chunk must no longer be touched.
  void release(std::uint32_t count);
  std::uint32_t holds() const { return holds_; }

 private:
  ChunkPool& pool_;
  std::size_t bytes_max_;
  std::unique_ptr<char[]> memory_;
  std::uint32_t holds_ = 0;
};

/// Lends chunks and takes them back; bounded, allocates nothing once warm. What a burst needed is
/// kept until trim() finds it idle.
///
/// Must outlive every chunk lent. Not thread-safe.
class ChunkPool {
 public:
  static constexpr std::size_t kChunkBytes = 256 * 1024;
  static constexpr std::size_t kRecordsPerChunkMax = 8192;

  /// About `bytes_max` bytes are lent at a time. Nobody waits for what others do not give back: beyond
  /// that an owner that holds nothing is lent a chunk of kChunkBytes, and one larger chunk at a time
  /// goes to whoever asks first.
  explicit ChunkPool(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  ~ChunkPool();
  ChunkPool(const ChunkPool&) = delete;
  ChunkPool& operator=(const ChunkPool&) = delete;

  /// A chunk with one hold (the caller's), no records, and room for `bytes` or kChunkBytes,
  /// whichever is more; nullptr when the bound is reached: wait for a release.
  Chunk* lend(std::size_t bytes = kChunkBytes, std::uint32_t owner = 0);

  /// Frees the chunks that nobody needed since the last call; returns their bytes. To be called
  /// now and then, as once a minute.
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
  std::size_t idle_ = 0;                        // so many at its front since the last trim()
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
