#include "tests/support/memory_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace punchline::testing {
namespace {

std::uint64_t page_of(std::uint64_t offset) {
  return offset / MemoryFile::kPageBytes;
}

/// Calls visit(page, range of offsets in that page) for each page that `offsets` touches.
template <class Visit>
void each_page(ByteRange offsets, Visit visit) {
  while (!offsets.empty()) {
    const auto page = page_of(offsets.begin);
    const auto end = std::min(offsets.end, (page + 1) * MemoryFile::kPageBytes);
    visit(page, ByteRange{offsets.begin, end});
    offsets.begin = end;
  }
}

}  // namespace

void MemoryFile::producer_writes(std::uint64_t offset, std::string_view text) {
  put(offset, text);
}

void MemoryFile::truncate(std::uint64_t size) {
  if (size < size_) zero({size, (page_of(size_) + 1) * kPageBytes});
  size_ = size;
  ++modified_ns_;
}

void MemoryFile::set_inode(std::uint64_t inode, std::int64_t birth_ns) {
  inode_ = inode;
  birth_ns_ = birth_ns;
}

void MemoryFile::fail(Op op, int code, std::uint64_t nth, How how) {
  failures_[index(op)] = {code, nth, how};
}

void MemoryFile::fail_any(int code, std::uint64_t nth, How how) {
  any_failure_ = {code, nth, how};
}

void MemoryFile::heal() {
  failures_ = {};
  any_failure_ = {};
}

bool MemoryFile::due(Failure& failure) {
  if (failure.code == 0) return false;
  if (failure.calls_until > 0) --failure.calls_until;
  return failure.calls_until == 0;
}

std::optional<Error> MemoryFile::enter(Op op, std::string_view verb) {
  const bool dead = is_dead();
  ++operations_;
  ++calls_[index(op)];
  if (dead || is_dead()) return error(EIO, verb);
  auto& own = failures_[index(op)];
  const bool own_due = due(own);
  const bool any_due = due(any_failure_);
  if (!own_due && !any_due) return std::nullopt;
  const int code = own_due ? own.code : any_failure_.code;
  if (own_due && own.how == How::once) own = {};
  if (any_due && any_failure_.how == How::once) any_failure_ = {};
  return error(code, verb);
}

Error MemoryFile::error(int code, std::string_view verb) const {
  return Error::from_errno(code, std::string(verb) + " " + path_);
}

std::string MemoryFile::text() const {
  std::string all(size_, '\0');
  for (const auto& [number, page] : pages_) {
    const auto begin = number * kPageBytes;
    if (begin < size_) {
      std::memcpy(all.data() + begin, page.data(), std::min(kPageBytes, size_ - begin));
    }
  }
  return all;
}

std::string MemoryFile::data_map() const {
  std::string map;
  for (auto begin = data_from(0); begin < size_; begin = data_from(hole_from(begin))) {
    map += (map.empty() ? "[" : " [") + std::to_string(begin) + "," +
           std::to_string(hole_from(begin)) + ")";
  }
  return map;
}

bool MemoryFile::has_room_for(std::uint64_t page) const {
  return pages_.count(page) > 0 || (pages_.size() + 1) * kPageBytes <= space_bytes_;
}

void MemoryFile::put(std::uint64_t offset, std::string_view text) {
  if (text.empty()) return;
  const ByteRange target{offset, offset + text.size()};
  each_page(target, [&](std::uint64_t page, ByteRange part) {
    std::memcpy(pages_[page].data() + part.begin % kPageBytes, text.data() + (part.begin - offset),
                part.size());
  });
  size_ = std::max(size_, target.end);
  ++modified_ns_;
}

void MemoryFile::zero(ByteRange offsets) {
  const auto whole = whole_blocks(offsets, kPageBytes);
  if (!whole.empty()) {
    pages_.erase(pages_.lower_bound(page_of(whole.begin)), pages_.lower_bound(page_of(whole.end)));
  }
  const auto clear = [&](std::uint64_t page, ByteRange part) {
    const auto found = pages_.find(page);
    if (found == pages_.end()) return;
    std::memset(found->second.data() + part.begin % kPageBytes, 0, part.size());
  };
  // The edges; in between there is nothing left to clear, and it may be terabytes.
  each_page({offsets.begin, std::min(offsets.end, (page_of(offsets.begin) + 1) * kPageBytes)},
            clear);
  each_page({std::max(offsets.begin, page_of(offsets.end) * kPageBytes), offsets.end}, clear);
}

std::uint64_t MemoryFile::data_from(std::uint64_t offset) const {
  const auto found = pages_.lower_bound(page_of(offset));
  if (found == pages_.end()) return size_;
  return std::min(size_, std::max(offset, found->first * kPageBytes));
}

std::uint64_t MemoryFile::hole_from(std::uint64_t offset) const {
  auto page = page_of(offset);
  if (pages_.count(page) == 0) return offset;
  while (pages_.count(page) > 0) {
    ++page;
  }
  return std::min(size_, page * kPageBytes);
}

Result<std::size_t> MemoryFile::read_at(std::uint64_t offset, std::span<char> into) {
  if (auto failed = enter(Op::read_at, "read")) return *failed;
  if (offset >= size_) return std::size_t{0};
  const ByteRange source{offset, offset + std::min<std::uint64_t>(into.size(), size_ - offset)};
  each_page(source, [&](std::uint64_t page, ByteRange part) {
    char* target = into.data() + (part.begin - offset);
    const auto found = pages_.find(page);
    if (found == pages_.end()) {
      std::memset(target, 0, part.size());
    } else {
      std::memcpy(target, found->second.data() + part.begin % kPageBytes, part.size());
    }
  });
  return static_cast<std::size_t>(source.size());
}

Result<FileFacts> MemoryFile::facts() {
  if (auto failed = enter(Op::facts, "stat")) return *failed;
  return FileFacts{.size = size_,
                   .allocated_bytes = pages_.size() * kPageBytes,
                   .block_bytes = kPageBytes,
                   .inode = inode_,
                   .birth_ns = birth_ns_,
                   .modified_ns = modified_ns_,
                   .has_name = has_name_};
}

Result<std::optional<std::uint64_t>> MemoryFile::next_data(std::uint64_t offset) {
  if (auto failed = enter(Op::next_data, "seek data in")) return *failed;
  if (offset >= size_) return std::optional<std::uint64_t>();
  if (!knows_holes_) return std::optional(offset);
  const auto at = data_from(offset);
  return at < size_ ? std::optional(at) : std::nullopt;
}

Result<std::uint64_t> MemoryFile::next_hole(std::uint64_t offset) {
  if (auto failed = enter(Op::next_hole, "seek hole in")) return *failed;
  if (offset >= size_) return offset;
  return knows_holes_ ? hole_from(offset) : size_;
}

Status MemoryFile::punch(ByteRange offsets) {
  if (auto failed = enter(Op::punch, "punch")) return *failed;
  // Beyond the end some kernels have cut files short or crashed: a caller that does it is wrong.
  if (offsets.end > size_) return error(EINVAL, "punch beyond the end of");
  if (offsets.empty()) return {};
  zero(offsets);
  ++modified_ns_;
  return {};
}

Status MemoryFile::collapse(ByteRange offsets) {
  if (auto failed = enter(Op::collapse, "collapse")) return *failed;
  const bool whole_units = offsets.begin % kPageBytes == 0 && offsets.size() % kPageBytes == 0;
  if (!whole_units || offsets.empty() || offsets.end >= size_) return error(EINVAL, "collapse");
  // The kernel would do it, and the bytes would be gone: a caller that does it is wrong.
  if (data_from(offsets.begin) < offsets.end) return error(EINVAL, "collapse data of");
  ++modified_ns_;
  const auto pages = std::exchange(torn_after_pages_, std::nullopt);
  const bool began = pages != std::uint64_t{0} || torn_;
  const bool all = shift(offsets, pages.value_or(UINT64_MAX));
  if (all) collapsed_bytes_ += offsets.size();
  torn_ = began && !all;
  if (!pages) {
    size_ -= offsets.size();
    return {};
  }
  dies_at_ = operations_;
  return error(EIO, "collapse");
}

// Page by page from the lowest on; false if some are left where they were.
bool MemoryFile::shift(ByteRange hole, std::uint64_t pages_max) {
  auto at = pages_.lower_bound(page_of(hole.end));
  for (; at != pages_.end() && pages_max > 0; --pages_max) {
    pages_[at->first - hole.size() / kPageBytes] = at->second;
    at = pages_.erase(at);
  }
  return at == pages_.end();
}

Result<std::uint64_t> MemoryFile::free_bytes() {
  if (auto failed = enter(Op::free_bytes, "statfs")) return *failed;
  return space_bytes_ - std::min(space_bytes_, pages_.size() * kPageBytes);
}

Status MemoryFile::append(std::span<const char> bytes) {
  if (auto failed = enter(Op::append, "append to")) return *failed;
  ours_writes_ = true;
  const std::string_view text(bytes.data(), bytes.size());
  const auto at = size_;
  for (std::size_t done = 0; done < text.size();) {
    const auto page = page_of(at + done);
    if (!has_room_for(page)) return error(ENOSPC, "append to");
    const auto part = std::min<std::size_t>(text.size() - done, (page + 1) * kPageBytes - size_);
    put(size_, text.substr(done, part));
    done += part;
  }
  return {};
}

Result<std::optional<std::string>> MemoryFile::attribute(std::string_view name) {
  if (auto failed = enter(Op::attribute, "get an attribute of")) return *failed;
  if (!attributes_supported_) return error(EOPNOTSUPP, "get an attribute of");
  const auto found = attributes_.find(name);
  if (found == attributes_.end()) return std::optional<std::string>();
  return std::optional(found->second);
}

Status MemoryFile::set_attribute(std::string_view name, std::string_view value) {
  if (auto failed = enter(Op::set_attribute, "set an attribute of")) return *failed;
  if (!attributes_supported_) return error(EOPNOTSUPP, "set an attribute of");
  attributes_[std::string(name)] = value;
  return {};
}

Status MemoryFile::remove_attribute(std::string_view name) {
  if (auto failed = enter(Op::remove_attribute, "remove an attribute of")) return *failed;
  if (!attributes_supported_) return error(EOPNOTSUPP, "remove an attribute of");
  if (const auto found = attributes_.find(name); found != attributes_.end()) {
    attributes_.erase(found);
  }
  return {};
}

Status MemoryFile::sync_data() {
  if (auto failed = enter(Op::sync_data, "fdatasync")) return *failed;
  return {};
}

Status MemoryFile::sync_all() {
  if (auto failed = enter(Op::sync_all, "fsync")) return *failed;
  return {};
}

Result<bool> MemoryFile::nobody_writes() {
  if (auto failed = enter(Op::nobody_writes, "ask who writes")) return *failed;
  return !writers_ && !ours_writes_;
}

}  // namespace punchline::testing
