#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "buffer/buffer_file.h"
#include "buffer/reserve.h"
#include "tests/support/memory_image.h"
#include "tests/support/power.h"

namespace punchline::testing {

/// A BufferFile that is only memory: sparse, with holes by the page, attributes, and failures on
/// demand. The contract suite holds it to what the real file does. Not thread-safe.
class MemoryFile final : public BufferFile {
 public:
  static constexpr std::uint64_t kPageBytes = MemoryImage::kPageBytes;

  enum class Op : std::uint8_t {
    read_at,
    facts,
    next_data,
    next_hole,
    punch,
    collapse,
    free_bytes,
    append,
    attribute,
    set_attribute,
    remove_attribute,
    sync_data,
    sync_all,
    nobody_writes,
  };
  static constexpr std::size_t kOps = 14;

  explicit MemoryFile(std::string_view text = {}) { producer_appends(text); }

  // What others do to the file. Never fails, counts as no operation.
  void producer_appends(std::string_view text) { producer_writes(now_.size, text); }
  /// Without O_APPEND: a write after the end leaves a hole.
  void producer_writes(std::uint64_t offset, std::string_view text);
  void truncate(std::uint64_t size);
  void producer_syncs() { disk_.synced(); }
  void set_writers(bool somebody_writes) { writers_ = somebody_writes; }
  /// While it lives, all operations are those of another process: none of them counts, fails, or is
  /// the last.
  class AsAnother {
   public:
    explicit AsAnother(MemoryFile& file) : file_(file) { file_.as_another_ = true; }
    ~AsAnother() { file_.as_another_ = false; }
    AsAnother(const AsAnother&) = delete;
    AsAnother& operator=(const AsAnother&) = delete;

   private:
    MemoryFile& file_;
  };

  // What the filesystem is like.
  void set_inode(std::uint64_t inode, std::int64_t birth_ns);
  std::uint64_t inode() const { return inode_; }
  std::int64_t birth_ns() const { return birth_ns_; }
  void set_name(bool has_name) { has_name_ = has_name; }
  /// At most this many bytes of pages. An append of ours that does not fit is cut short, and fails
  /// with ENOSPC. Without a free page no attribute can be set, as on XFS.
  void set_space(std::uint64_t bytes) { space_bytes_ = bytes; }
  /// Without a free page nothing can be punched or removed either, as on btrfs at the limit of a
  /// qgroup: EDQUOT.
  void set_copies_on_write(bool copies) { copies_on_write_ = copies; }
  /// This many free pages become somebody else's. False if there are not so many. 0 gives them
  /// back.
  bool reserve(std::uint64_t pages);
  /// How many of `bytes` would fit after the end.
  std::uint64_t room_for(std::uint64_t bytes) const;
  /// SEEK_DATA and SEEK_HOLE are trivial, as on FUSE without lseek.
  void set_knows_holes(bool knows) { knows_holes_ = knows; }
  void set_attributes_supported(bool supported) { attributes_supported_ = supported; }

  /// A read copies page after page. `act` is called after each, with its number, to write what
  /// others write then.
  void while_reading(std::function<void(std::uint64_t page)> act) { reading_ = std::move(act); }

  // Failures. `nth` counts from now on, 1 is the next. A later call for the same op replaces an
  // earlier one.
  enum class How : std::uint8_t { once, for_ever };
  void fail(Op op, int code, std::uint64_t nth = 1, How how = How::once);
  /// The same over all operations together, for sweeps.
  void fail_any(int code, std::uint64_t nth, How how = How::once);
  void heal();
  /// From the nth operation on nothing works any more, as if the process had been killed before it,
  /// until revive(). 1 is the next.
  void die(std::uint64_t nth) { dies_at_ = operations_ + nth; }
  void revive() {
    dies_at_ = UINT64_MAX;
    ours_writes_ = false;
  }
  bool is_dead() const { return operations_ >= dies_at_; }
  /// A power cut in the next collapse: only the first `pages` pages after the hole are shifted, and
  /// the size stays as it was. Then as die().
  void tear_collapse(std::uint64_t pages) { torn_after_pages_ = pages; }
  /// The power goes, and comes again. `unsynced` says what becomes of bytes that were not synced,
  /// by chance.
  void cut_power(Unsynced unsynced, std::mt19937& random);
  /// What would certainly outlive a power cut.
  const MemoryImage& durable() const { return disk_.durable(); }
  void keep_whole() { torn_after_pages_.reset(); }
  /// Some pages have been shifted by a collapse and others have not.
  bool is_torn() const { return torn_; }
  /// Operations so far, failed ones included.
  std::uint64_t operations() const { return operations_; }
  std::uint64_t calls(Op op) const { return calls_[index(op)]; }

  // What is there now.
  std::string text() const { return now_.text(); }
  std::uint64_t size() const { return now_.size; }
  bool is_hole(std::uint64_t offset) const { return now_.hole_from(offset) == offset; }
  /// Cut off by collapses so far: the position of offset 0, unless is_torn().
  std::uint64_t collapsed_bytes() const { return now_.collapsed_bytes; }
  bool has_attribute(std::string_view name) const { return now_.attributes.count(name) > 0; }
  /// The allocated stretches as file offsets, in order: "[0,4096) [8192,9000)".
  std::string data_map() const;

  /// From now on each change of ours that succeeds is noted as a line of text, in order:
  /// "state front=8300 synced=9000", "punch [0,8192)", "fdatasync", "intent", "no intent".
  void note_changes() { notes_changes_ = true; }
  /// The changes that were noted since the last call.
  std::string changes() { return std::exchange(changes_, {}); }

  const std::string& path() const override { return path_; }
  Result<std::size_t> read_at(Offset at, std::span<char> into) override;
  Result<FileFacts> facts() override;
  Result<std::optional<Offset>> next_data(Offset at) override;
  Result<Offset> next_hole(Offset at) override;
  Status punch(OffsetRange offsets) override;
  Status collapse(OffsetRange offsets) override;
  Result<std::uint64_t> free_bytes() override;
  Status append(std::span<const char> bytes) override;
  Result<std::optional<std::string>> attribute(std::string_view name) override;
  Status set_attribute(std::string_view name, std::string_view value) override;
  Status remove_attribute(std::string_view name) override;
  Status sync_data() override;
  Status sync_all() override;
  Result<bool> nobody_writes() override;

 private:
  struct Failure {
    int code = 0;  // 0: none
    std::uint64_t calls_until = 0;
    How how = How::once;
  };

  static std::size_t index(Op op) { return static_cast<std::size_t>(op); }
  std::optional<Error> enter(Op op, std::string_view verb);
  static bool due(Failure& failure);
  Error error(int code, std::string_view verb) const;
  std::uint64_t free_pages() const;
  void put(std::uint64_t offset, std::string_view text);
  void note(const std::string& change);
  Status sync(Op op, std::string_view verb);

  std::string path_ = "memory.buf";
  MemoryImage now_;
  Disk disk_{MemoryImage()};
  std::uint64_t inode_ = 11;
  std::int64_t birth_ns_ = 1'000'000'000;
  std::int64_t modified_ns_ = 1'000'000'000;
  bool has_name_ = true;
  bool writers_ = false;
  bool ours_writes_ = false;
  bool knows_holes_ = true;
  bool attributes_supported_ = true;
  std::uint64_t space_bytes_ = UINT64_MAX;
  std::uint64_t reserved_pages_ = 0;
  bool copies_on_write_ = false;
  std::array<Failure, kOps> failures_{};
  Failure any_failure_;
  std::array<std::uint64_t, kOps> calls_{};
  std::uint64_t operations_ = 0;
  bool as_another_ = false;
  std::uint64_t dies_at_ = UINT64_MAX;
  std::function<void(std::uint64_t)> reading_;
  std::optional<std::uint64_t> torn_after_pages_;
  bool torn_ = false;
  bool notes_changes_ = false;
  std::string changes_;
};

/// Some pages of a MemoryFile's space.
class MemoryReserve final : public Reserve {
 public:
  explicit MemoryReserve(MemoryFile& file, std::uint64_t pages = 2) : file_(file), pages_(pages) {}
  Status take() override {
    if (!held_) held_ = file_.reserve(pages_);
    return held_ ? Status() : Error(ErrorKind::no_space, 0, "reserve");
  }
  bool give_up() override {
    if (held_) file_.reserve(0);
    return std::exchange(held_, false);
  }
  bool is_held() const { return held_; }

 private:
  MemoryFile& file_;
  std::uint64_t pages_;
  bool held_ = false;
};

}  // namespace punchline::testing
