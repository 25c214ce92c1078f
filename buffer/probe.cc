#include "buffer/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "buffer/base/byte_range.h"

namespace punchline {
namespace {

using Answer = Capability::Answer;

// The trial file holds data in [0, kBytes), of which kHole is punched. Both are multiples of every
// block size there is.
constexpr std::uint64_t kBytes = 512 * 1024;
constexpr OffsetRange kHole{128 * 1024, 384 * 1024};

std::string in_kib(std::uint64_t bytes) {
  return bytes % 1024 == 0 ? std::to_string(bytes / 1024) + " KiB"
                           : std::to_string(bytes) + " bytes";
}

Result<Descriptor> temporary_file(const std::string& folder) {
  auto nameless = Descriptor::open_nameless(folder);
  if (nameless || nameless.error().kind() != ErrorKind::unsupported) return nameless;
  auto name = folder + "/.punchline-probe-XXXXXX";
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) return Error::from_errno(errno, "create a file in " + folder);
  ::unlink(name.c_str());
  return Descriptor(fd, folder + "/.punchline-probe");  // same each time: an error is news once
}

Capability no(const std::string& sentence) {
  return {Answer::no, sentence};
}

Capability failed(const Error& error, const std::string& consequence) {
  if (error.kind() == ErrorKind::no_space) {
    return {Answer::unknown, "cannot be tried: the disk is full"};
  }
  return no("does not work (" + error.message() + "): " + consequence);
}

// EXT4_INLINE_DATA_FL (fs/ext4/ext4.h), which FS_IOC_GETFLAGS shows.
constexpr std::uint32_t kInlineDataFlag = 0x10000000;

constexpr const char* kNoPunch = "delivered data could not be freed";

/// True if the file reads as NULs in the hole and 'x' around it, and has its old size.
Result<bool> reads_as_punched(const Descriptor& file) {
  std::vector<char> text(kBytes + 1);
  auto got = file.read_at(0, text);
  if (!got) return got.error();
  if (*got != kBytes) return false;
  for (std::uint64_t at = 0; at < kBytes; ++at) {
    if (text[at] != (kHole.contains(Offset(at)) ? '\0' : 'x')) return false;
  }
  return true;
}

Result<std::uint64_t> allocated_bytes(const Descriptor& file) {
  auto facts = file.facts();
  if (!facts) return facts.error();
  return facts->stx_blocks * 512;
}

/// Whether SEEK_DATA and SEEK_HOLE see exactly the hole that was punched.
bool hole_is_seen(const Descriptor& file) {
  const auto hole = file.next_hole(0);
  const auto data = file.next_data(kHole.begin);
  return hole && data && *hole == kHole.begin && *data == kHole.end;
}

Capability try_punch(const Descriptor& file) {
  const auto before = allocated_bytes(file);
  if (auto punched = file.punch(kHole); !punched) return failed(punched.error(), kNoPunch);
  const auto right = reads_as_punched(file);
  if (!right) return failed(right.error(), kNoPunch);
  if (!*right) return no("works wrongly: what it frees does not read as zeros, or more is gone");
  const auto after = allocated_bytes(file);
  const bool freed = before && after && *after < *before;
  if (!freed && !hole_is_seen(file)) return no("zeroes, but gives no blocks back to the disk");
  return {Answer::yes, "works: blocks of delivered data go back to the disk"};
}

Capability try_holes(const Descriptor& file) {
  if (hole_is_seen(file)) return {Answer::yes, "works: holes are skipped"};
  const auto hole = file.next_hole(0);
  if (hole && *hole == kBytes)
    return no("is trivial here: holes are read through, which is slower");
  return no("gives wrong answers here: holes are read through, which is slower");
}

/// The unit is found by trying, since st_blksize says nothing of clusters (ext4 bigalloc).
Capability try_collapse(const Descriptor& file, std::uint64_t unit_bytes, std::uint64_t& found) {
  for (; unit_bytes < kBytes; unit_bytes *= 2) {
    auto done = file.collapse({0, Offset(unit_bytes)});
    if (done) {
      found = unit_bytes;
      return {Answer::yes, "works in units of " + in_kib(unit_bytes)};
    }
    if (done.error().code() != EINVAL) {
      return failed(done.error(), "the file's logical size only grows, its blocks are freed");
    }
  }
  return no("works in no unit below " + in_kib(kBytes) + ": the file's logical size only grows");
}

/// The first write decides whether ext4 keeps the file in its inode, so one byte is written first.
Capability try_appends(const Descriptor& file) {
  if (!file.write_at(0, std::string_view("x"))) return {Answer::unknown, "could not be tried"};
  if ((file.inode_flags() & kInlineDataFlag) == 0) return {Answer::yes, "are kept"};
  return no(
      "are lost: this ext4 keeps small files in their inodes (inline_data), where Linux loses what "
      "is appended while somebody reads: put the buffer on another filesystem");
}

Capability try_attributes(const Descriptor& file) {
  constexpr const char* kConsequence = "after each start, records may be delivered again";
  constexpr std::string_view kName = "user.punchline.probe";
  const std::string value(60, 'v');
  if (auto set = file.set_attribute(kName, value); !set) return failed(set.error(), kConsequence);
  const auto got = file.attribute(kName);
  if (!got) return failed(got.error(), kConsequence);
  if (*got != value) return no("does not keep what is written: " + std::string(kConsequence));
  return {Answer::yes, "works"};
}

/// For a disk that has no room for data: tries whether the calls are accepted at all.
void probe_without_data(const Descriptor& file, ProbeReport& report) {
  const Capability unknown{Answer::unknown, "cannot be tried: the disk is full"};
  report.holes = unknown;
  report.collapse = unknown;
  if (::ftruncate(file.fd(), kBytes) < 0) {
    report.punch = unknown;
    return;
  }
  const auto punched = file.punch(kHole);
  report.punch = punched
                     ? Capability{Answer::unknown, "is accepted; the disk is too full to try it"}
                     : failed(punched.error(), kNoPunch);
}

constexpr std::uint64_t kBehind = std::uint64_t{4} << 30;

Result<ProbeReport> report_on(const Descriptor& file) {
  const auto filesystem = file.filesystem();
  if (!filesystem) return filesystem.error();
  ProbeReport report;
  report.filesystem = filesystem_name(filesystem->type);
  report.block_bytes = filesystem->block_bytes;
  report.free_bytes = filesystem->free_bytes;
  return report;
}

/// True for the filesystems that we know to punch. Others may accept the call and do nothing.
bool is_known_to_punch(std::string_view filesystem) {
  static constexpr std::string_view kKnown[] = {"ext4", "xfs", "btrfs", "tmpfs", "overlay"};
  return std::find(std::begin(kKnown), std::end(kKnown), filesystem) != std::end(kKnown);
}

constexpr const char* kNoTrial = "cannot be tried without a file beside it";

/// Only `unsupported` says that punching does not work. Any other error proves nothing, such as
/// EFBIG so far beyond the end.
Capability ask_for_punch(const Descriptor& file, OffsetRange behind, std::string_view filesystem) {
  const auto punched = file.punch(behind);
  if (!punched && punched.error().kind() == ErrorKind::unsupported) {
    return failed(punched.error(), kNoPunch);
  }
  if (!punched) return {Answer::unknown, "cannot be tried: " + punched.error().message()};
  if (is_known_to_punch(filesystem)) return {Answer::yes, "works on this filesystem"};
  return {Answer::unknown, "is accepted; whether blocks go back " + std::string(kNoTrial)};
}

/// EINVAL means that it works, but not beyond the end of the file. The unit may be larger than a
/// block (ext4 bigalloc).
Capability ask_for_collapse(const Descriptor& file, OffsetRange behind, ProbeReport& report) {
  constexpr std::uint64_t kUnit = 1 << 20;
  const auto done = file.collapse(behind);
  if (!done && done.error().code() != EINVAL) {
    return failed(done.error(), "the file's logical size only grows, its blocks are freed");
  }
  report.collapse_unit_bytes = kUnit;
  return {Answer::yes, "works, in units of " + in_kib(kUnit)};
}

Capability ask_for_attributes(const Descriptor& file) {
  const auto got = file.attribute("user.punchline");
  if (!got) return failed(got.error(), "after each start, records may be delivered again");
  return {Answer::yes, "works"};
}

bool is_forgetful(std::string_view filesystem) {
  return filesystem == "tmpfs" || filesystem == "ramfs" || filesystem == "overlay";
}

struct Mount {
  std::uint64_t id = 0;
  bool is_known = false;
};

Mount mount_of(int folder, const char* path) {
  struct statx found {};
  if (::statx(folder, path, AT_EMPTY_PATH, STATX_MNT_ID, &found) < 0) return {};
  return {found.stx_mnt_id, (found.stx_mask & STATX_MNT_ID) != 0};
}

}  // namespace

bool is_mounted_alone(const PosixFile& file) {
  const auto own = mount_of(file.descriptor().fd(), "");
  const auto folder = mount_of(AT_FDCWD, folder_of(file.path()).c_str());
  return own.is_known && folder.is_known && own.id != folder.id;
}

std::optional<std::string> forgetful_folder(const PosixFile& file) {
  if (!is_mounted_alone(file)) return std::nullopt;
  const auto folder = Descriptor::open(folder_of(file.path()), O_RDONLY | O_DIRECTORY);
  const auto its = folder ? report_on(*folder) : folder.error();
  const auto own = report_on(file.descriptor());
  if (!its || !own || !is_forgetful(its->filesystem) || is_forgetful(own->filesystem)) {
    return std::nullopt;
  }
  return its->filesystem;
}

// The calls are tried 4 GiB beyond the end of the file: nobody appends so much meanwhile.
Result<ProbeReport> probe_file(const PosixFile& file) {
  const auto opened = file.descriptor().reopen(O_RDWR);
  if (!opened) return opened.error();
  const auto facts = opened->facts();
  if (!facts) return facts.error();
  auto report = report_on(*opened);
  if (!report) return report;
  const auto end = block_before(Offset(std::uint64_t{facts->stx_size} + kBytes), kBytes);
  const OffsetRange behind{end + kBehind, end + kBehind + kBytes};
  report->punch = ask_for_punch(*opened, behind, report->filesystem);
  report->holes = {Answer::unknown, kNoTrial};
  report->collapse = ask_for_collapse(*opened, behind, *report);
  report->attributes = ask_for_attributes(*opened);
  return report;
}

std::string filesystem_name(std::uint64_t type) {
  struct Known {
    std::uint64_t type;
    const char* name;
  };
  // statfs(2) and linux/magic.h. ext2 and ext3 share ext4's number.
  static constexpr Known kKnown[] = {
      {0xEF53, "ext4"},         {0x58465342, "xfs"},   {0x9123683E, "btrfs"}, {0x01021994, "tmpfs"},
      {0x794C7630, "overlay"},  {0x6969, "nfs"},       {0x65735546, "fuse"},  {0x2FC12FC1, "zfs"},
      {0xF2F52010, "f2fs"},     {0xFF534D42, "cifs"},  {0xFE534D42, "smb2"},  {0x01021997, "9p"},
      {0xCA451A4E, "bcachefs"}, {0x858458F6, "ramfs"}, {0x00C36400, "ceph"},  {0x4D44, "vfat"},
      {0x2011BAB0, "exfat"},
  };
  for (const auto& known : kKnown) {
    if (known.type == type) return known.name;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "type 0x%llx", static_cast<unsigned long long>(type));
  return text.data();
}

/// The order counts: try_appends() makes the first write, and collapsing, which moves what the
/// others look at, comes last.
Result<ProbeReport> probe_folder(const std::string& folder) {
  auto file = temporary_file(folder);
  if (!file) return file.error();
  auto reported = report_on(*file);
  if (!reported) return reported;
  auto& report = *reported;
  report.attributes = try_attributes(*file);
  report.appends = try_appends(*file);
  const auto written = file->write_at(0, std::vector<char>(kBytes, 'x'));
  if (!written && written.error().kind() != ErrorKind::no_space) return written.error();
  if (!written) {
    probe_without_data(*file, report);
    return report;
  }
  report.punch = try_punch(*file);
  // Where nothing can be punched, there is no hole to seek.
  report.holes = report.punch.missing() ? no("is of no use without punching") : try_holes(*file);
  const auto unit_bytes = std::clamp<std::uint64_t>(report.block_bytes, 512, kBytes / 2);
  report.collapse = try_collapse(*file, unit_bytes, report.collapse_unit_bytes);
  return report;
}

}  // namespace punchline
