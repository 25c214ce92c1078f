#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "agent/core/envelope.h"
#include "buffer/frame.h"
#include "buffer/scanner.h"
#include "sinks/chunk.h"

namespace punchline {

/// Goes once through a buffer, chunk by chunk. Gives out its items in order, and the records as
/// spans that a sink can take without copying.
///
/// Holds at most one chunk; drop() gives it back without losing the place. One thread.
class Pass {
 public:
  enum class Fill : std::uint8_t {
    items,        ///< There is an item().
    moved,        ///< The scan went on without an item yet: come again.
    end_of_data,  ///< Nothing complete from at() on, for now; see unfinished_bytes().
    no_memory,    ///< The pool has no chunk: wait until one comes back.
  };

  /// All must outlive the pass. `owner` is noted on each chunk; `envelope` may be nullptr.
  Pass(Space& space, ChunkPool& pool, std::uint32_t owner, Envelope* envelope = nullptr)
      : space_(space), pool_(pool), owner_(owner), envelope_(envelope) {}
  ~Pass() { drop(); }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  /// Goes on at `at`, where a record begins.
  void restart(Position at);
  /// What was read may read differently now: items not taken are read again.
  void forget();
  /// Where the first item not yet taken begins; if there is none, where the scan has come to.
  Position at() const;

  /// Reads, if necessary, so that there is an item that begins below `until`; one chunk at most.
  Result<Fill> fill(Position until);
  std::uint64_t unfinished_bytes() const { return unfinished_bytes_; }
  /// At end_of_data: the NULs that the file ends with (ScanStep::room_bytes).
  std::uint64_t room_bytes() const { return room_bytes_; }

  /// There is an item that begins below `until`.
  bool has_item(Position until) const { return next_item_ < items_.size() && at() < until; }
  const Item& item() const { return items_[next_item_]; }
  /// Only if item() is a record.
  const Record& record() const { return chunk_->records[next_record_]; }
  /// Only if item() is a record: it and the records that follow it at once in this chunk and begin
  /// below `until`, at most `records_max`, in place.
  std::span<const Record> run(Position until, std::size_t records_max) const;

  /// Moves past item().
  void skip();
  /// Moves past the first `records` of run().
  void take(std::size_t records);

  /// How many records the last take() took, and where the last of them ended.
  std::size_t taken() const { return taken_; }
  Position taken_to() const { return taken_to_; }

  /// Gives the chunk back; items not taken will be read again.
  void drop();

 private:
  Scanner& scanner();
  void index_records();
  void index_extra(const Item& item);
  void add_header(const FrameRecord::Header& header);

  Space& space_;
  std::unique_ptr<Scanner> scanner_;
  Format scanned_as_ = Format::none;  // the format that scanner_ is for
  ChunkPool& pool_;
  std::uint32_t owner_;
  Envelope* envelope_;
  Chunk* chunk_ = nullptr;
  std::vector<Item> items_;
  std::size_t next_item_ = 0;
  std::size_t next_record_ = 0;
  std::size_t taken_ = 0;
  Position taken_to_ = 0;
  Position scanned_to_ = 0;
  std::size_t memory_bytes_ = 0;  // what a long record needs; 0: the usual chunk
  std::uint64_t unfinished_bytes_ = 0;
  std::uint64_t room_bytes_ = 0;
  std::vector<FrameRecord::Header> headers_;  // of one record; reused for the next
};

}  // namespace punchline
