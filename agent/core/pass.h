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

/// One way through a buffer, chunk by chunk: gives out its items in order, and the records as
/// spans that a sink can take as they lie.
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

  /// Goes on at `at`, a record start.
  void restart(Position at);
  /// What was read may read differently now: items not taken are read again.
  void forget();
  /// Where the first item not yet taken begins, or the scan stands.
  Position at() const;

  /// Sees to it that there is an item that begins below `until`.
  Result<Fill> fill(Position until);
  std::uint64_t unfinished_bytes() const { return unfinished_bytes_; }
  /// At end_of_data: the NULs that the file ends with (ScanStep::room_bytes).
  std::uint64_t room_bytes() const { return room_bytes_; }

  /// There is an item that begins below `until`.
  bool has_item(Position until) const { return next_item_ < items_.size() && at() < until; }
  const Item& item() const { return items_[next_item_]; }
  /// Only where item() is a record.
  const Record& record() const { return chunk_->records[next_record_]; }
  /// Only where item() is a record: it and those behind it in this chunk that begin below `until`
  /// and are at most `records_max`, as they lie.
  std::span<const Record> run(Position until, std::size_t records_max) const;

  /// Goes behind item().
  void skip();
  /// Goes behind the first `records` of run(). What stands between them is `nothing` or set aside
  /// and stays to be taken: call only with records up to the next such item.
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
  Format scanned_as_ = Format::none;  // by the scanner
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
  std::size_t memory_bytes_ = 0;  // asked for by a long record; 0: the usual
  std::uint64_t unfinished_bytes_ = 0;
  std::uint64_t room_bytes_ = 0;
  std::vector<FrameRecord::Header> headers_;  // of one record, used again for the next
};

}  // namespace punchline
