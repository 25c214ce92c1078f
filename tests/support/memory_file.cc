#include "tests/support/memory_file.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "buffer/state.h"

namespace punchline::testing {
namespace {

std::string text_of(IndexRange offsets) {
  return "[" + std::to_string(offsets.begin) + "," + std::to_string(offsets.end) + ")";
}

std::string number(Position at) {
  return std::to_string(at.value());
}

/// "user.punchline.freed" as "freed", "user.punchline" as "state".
std::string short_name(std::string_view attribute) {
  return std::string(attribute == kStateAttribute ? "state"
                                                  : attribute.substr(kStateAttribute.size() + 1));
}

std::string text_of(std::string_view attribute, std::string_view value) {
  State state;
  if (attribute == kStateAttribute && decode(value, state) == Decoded::ok) {
    const auto base = state.base > Position(0) ? "base=" + number(state.base) + " " : "";
    return "state " + base + "front=" + number(state.front) + " synced=" + number(state.synced);
  }
  Freed freed;
  if (attribute == kFreedAttribute && decode_freed(value, freed) == Decoded::ok) {
    return "freed to=" + number(freed.to) + " front=" + number(freed.front);
  }
  return short_name(attribute);
}

}  // namespace

void MemoryFile::producer_writes(std::uint64_t offset, std::string_view text) {
  put(offset, text);
}

void MemoryFile::truncate(std::uint64_t size) {
  now_.resize(size);
  disk_.resized(size);
  ++modified_ns_;
}

void MemoryFile::cut_power(Unsynced unsynced, std::mt19937& random) {
  now_ = disk_.cut(unsynced, random);
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
  if (as_another_) return std::nullopt;
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

std::string MemoryFile::data_map() const {
  std::string map;
  for (auto begin = now_.data_from(0); begin < now_.size;
       begin = now_.data_from(now_.hole_from(begin))) {
    map += (map.empty() ? "[" : " [") + std::to_string(begin) + "," +
           std::to_string(now_.hole_from(begin)) + ")";
  }
  return map;
}

std::uint64_t MemoryFile::free_pages() const {
  const auto pages = space_bytes_ / kPageBytes;
  return pages - std::min<std::uint64_t>(pages, now_.pages.size() + reserved_pages_);
}

bool MemoryFile::reserve(std::uint64_t pages) {
  reserved_pages_ = 0;
  if (free_pages() < pages) return false;
  reserved_pages_ = pages;
  return true;
}

std::uint64_t MemoryFile::room_for(std::uint64_t bytes) const {
  auto free = free_pages();
  auto end = now_.size;
  while (end < now_.size + bytes) {
    if (now_.pages.count(end / kPageBytes) == 0 && free-- == 0) break;
    end = (end / kPageBytes + 1) * kPageBytes;
  }
  return std::min(bytes, end - now_.size);
}

void MemoryFile::note(const std::string& change) {
  if (notes_changes_) changes_ += change + "\n";
}

void MemoryFile::put(std::uint64_t offset, std::string_view text) {
  if (text.empty()) return;
  now_.put(offset, text);
  now_.size = std::max(now_.size, offset + text.size());
  disk_.wrote(offset, text, now_.size);
  ++modified_ns_;
}

Result<std::size_t> MemoryFile::read_at(Offset at, std::span<char> into) {
  if (auto failed = enter(Op::read_at, "read")) return *failed;
  const auto offset = at.value();
  if (offset >= now_.size) return std::size_t{0};
  const auto bytes = std::min<std::uint64_t>(into.size(), now_.size - offset);
  for (std::uint64_t done = 0; done < bytes;) {
    const auto page = (offset + done) / kPageBytes;
    const auto part = std::min(bytes - done, (page + 1) * kPageBytes - offset - done);
    now_.read(offset + done, into.data() + done, part);
    done += part;
    if (reading_) reading_(page);
  }
  return static_cast<std::size_t>(bytes);
}

Result<FileFacts> MemoryFile::facts() {
  if (auto failed = enter(Op::facts, "stat")) return *failed;
  return FileFacts{.size = now_.size,
                   .allocated_bytes = now_.pages.size() * kPageBytes,
                   .block_bytes = kPageBytes,
                   .inode = inode_,
                   .birth_ns = birth_ns_,
                   .modified_ns = modified_ns_,
                   .has_name = has_name_};
}

Result<std::optional<Offset>> MemoryFile::next_data(Offset at) {
  if (auto failed = enter(Op::next_data, "seek data in")) return *failed;
  if (at.value() >= now_.size) return std::optional<Offset>();
  if (!knows_holes_) return std::optional(at);
  const auto data = now_.data_from(at.value());
  return data < now_.size ? std::optional(Offset(data)) : std::nullopt;
}

Result<Offset> MemoryFile::next_hole(Offset at) {
  if (auto failed = enter(Op::next_hole, "seek hole in")) return *failed;
  if (at.value() >= now_.size) return at;
  return Offset(knows_holes_ ? now_.hole_from(at.value()) : now_.size);
}

Status MemoryFile::punch(OffsetRange range) {
  const IndexRange offsets{range.begin.value(), range.end.value()};
  if (auto failed = enter(Op::punch, "punch")) return *failed;
  // Beyond the end some kernels have cut files short or crashed: a caller that does it is wrong.
  if (offsets.end > now_.size) return error(EINVAL, "punch beyond the end of");
  if (offsets.begin > offsets.end) return error(EINVAL, "punch backwards in");
  if (offsets.empty()) return {};
  if (copies_on_write_ && free_pages() == 0) return error(EDQUOT, "punch");
  now_.zero(offsets);
  disk_.punched(offsets);
  note("punch " + text_of(offsets));
  ++modified_ns_;
  return {};
}

Status MemoryFile::collapse(OffsetRange range) {
  const IndexRange offsets{range.begin.value(), range.end.value()};
  if (auto failed = enter(Op::collapse, "collapse")) return *failed;
  const bool whole_units = offsets.begin % kPageBytes == 0 && offsets.size() % kPageBytes == 0;
  if (!whole_units || offsets.empty() || offsets.end >= now_.size) return error(EINVAL, "collapse");
  // The kernel would do it, and the bytes would be gone: a caller that does it is wrong.
  if (now_.data_from(offsets.begin) < offsets.end) return error(EINVAL, "collapse data of");
  ++modified_ns_;
  const auto pages = std::exchange(torn_after_pages_, std::nullopt);
  const bool began = pages != std::uint64_t{0} || torn_;
  const bool all = now_.shift(offsets, pages.value_or(UINT64_MAX));
  if (all) now_.collapsed_bytes += offsets.size();
  torn_ = began && !all;
  if (!pages) {
    now_.size -= offsets.size();
    disk_.collapsed(offsets);
    note("collapse " + text_of(offsets));
    return {};
  }
  disk_ = Disk(now_);
  dies_at_ = operations_;
  return error(EIO, "collapse");
}

Result<std::uint64_t> MemoryFile::free_bytes() {
  if (auto failed = enter(Op::free_bytes, "statfs")) return *failed;
  return space_bytes_ - std::min(space_bytes_, now_.pages.size() * kPageBytes);
}

Status MemoryFile::append(std::span<const char> bytes) {
  if (auto failed = enter(Op::append, "append to")) return *failed;
  ours_writes_ = true;
  const auto room = room_for(bytes.size());
  put(now_.size, {bytes.data(), room});
  if (room < bytes.size()) return error(ENOSPC, "append to");
  note("append " + std::to_string(room));
  return {};
}

Result<std::optional<std::string>> MemoryFile::attribute(std::string_view name) {
  if (auto failed = enter(Op::attribute, "get an attribute of")) return *failed;
  if (!attributes_supported_) return error(EOPNOTSUPP, "get an attribute of");
  const auto found = now_.attributes.find(name);
  if (found == now_.attributes.end()) return std::optional<std::string>();
  return std::optional(found->second);
}

Status MemoryFile::set_attribute(std::string_view name, std::string_view value) {
  if (auto failed = enter(Op::set_attribute, "set an attribute of")) return *failed;
  if (!attributes_supported_) return error(EOPNOTSUPP, "set an attribute of");
  if (free_pages() == 0)
    return error(copies_on_write_ ? EDQUOT : ENOSPC, "set an attribute of");
  now_.attributes[std::string(name)] = value;
  disk_.set_attribute(name, value);
  note(text_of(name, value));
  return {};
}

Status MemoryFile::remove_attribute(std::string_view name) {
  if (auto failed = enter(Op::remove_attribute, "remove an attribute of")) return *failed;
  if (!attributes_supported_) return error(EOPNOTSUPP, "remove an attribute of");
  if (copies_on_write_ && free_pages() == 0) return error(EDQUOT, "remove an attribute of");
  if (const auto found = now_.attributes.find(name); found != now_.attributes.end()) {
    now_.attributes.erase(found);
    disk_.set_attribute(name, std::nullopt);
    note("no " + short_name(name));
  }
  return {};
}

// A dead process does not get as far as failing.
Status MemoryFile::sync(Op op, std::string_view verb) {
  if (auto failed = enter(op, verb)) {
    if (!is_dead()) disk_.sync_failed();
    return *failed;
  }
  disk_.synced();
  note(std::string(verb));
  return {};
}

Status MemoryFile::sync_data() {
  return sync(Op::sync_data, "fdatasync");
}

Status MemoryFile::sync_all() {
  return sync(Op::sync_all, "fsync");
}

Result<bool> MemoryFile::nobody_writes() {
  if (auto failed = enter(Op::nobody_writes, "ask who writes")) return *failed;
  return !writers_ && !ours_writes_;
}

}  // namespace punchline::testing
