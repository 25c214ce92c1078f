// Full disks, filesystems that cannot punch: on mounts of the test's own.

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include "buffer/posix_append_file.h"
#include "buffer/checkpoint.h"
#include "buffer/host.h"
#include "buffer/lock.h"
#include "buffer/posix_file.h"
#include "buffer/probe.h"
#include "tests/contract/files.h"
#include "tests/support/catch.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::fill_up;
using punchline::testing::FsMounts;
using punchline::testing::opened;
using punchline::testing::TempDir;
using punchline::testing::write_file;

namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

FsMounts& mounts() {
  static FsMounts all;
  return all;
}

/// A new filesystem, or "" with the reason printed.
std::string mounted(const std::string& type, std::uint64_t bytes, const std::string& options = {}) {
  auto folder = mounts().mount(type, bytes, options);
  if (folder.empty()) std::cerr << "left out: " << type << ": " << mounts().why() << "\n";
  return folder;
}

std::unique_ptr<PosixFile> writable(const std::string& path) {
  auto file = PosixFile::open(path);
  if (!file) FAIL(file.error().message());
  REQUIRE((*file)->open_for_writing().ok());
  return std::move(*file);
}

/// A buffer of 8 MiB on a filesystem that is then filled up.
std::unique_ptr<PosixFile> buffer_on_full(const std::string& folder) {
  write_file(folder + "/buffer", std::string(8 * kMib, 'x'));
  auto file = writable(folder + "/buffer");
  REQUIRE(file->set_attribute("user.punchline", std::string(60, 'a')).ok());
  REQUIRE(file->sync_all().ok());
  fill_up(folder + "/filler", 0);
  return file;
}

struct Kind {
  const char* type;
  std::uint64_t bytes;
};
constexpr Kind kKinds[] = {
    {"ext4", 64 * kMib}, {"xfs", 320 * kMib}, {"btrfs", 256 * kMib}, {"tmpfs", 32 * kMib}};

}  // namespace

TEST_CASE("on a full disk an append says no_space, and freeing gives room again", "[K9]") {
  for (const auto& kind : kKinds) {
    INFO(kind.type);
    const auto folder = mounted(kind.type, kind.bytes);
    if (folder.empty()) continue;
    auto file = buffer_on_full(folder);
    const std::string line(300'000, 'l');
    auto appended = file->append(line);
    for (int i = 0; i < 100 && appended; ++i) {
      appended = file->append(line);
    }
    REQUIRE_FALSE(appended.ok());
    CHECK(appended.error().kind() == ErrorKind::no_space);
    CHECK(file->read_at(0, std::span<char>()).ok());
    REQUIRE(file->punch({0, 4 * kMib}).ok());
    CHECK(*file->next_data(0) == 4 * kMib);
    REQUIRE(file->sync_data().ok());
    if (std::string(kind.type) == "btrfs") continue;  // gives room back with a later commit
    CHECK(file->append(std::string_view("again\n")).ok());
  }
}

TEST_CASE("full XFS refuses even the replacement of an attribute", "[K9]") {
  const auto folder = mounted("xfs", 320 * kMib);
  if (folder.empty()) return;
  auto file = buffer_on_full(folder);
  const auto set = file->set_attribute("user.punchline", std::string(60, 'b'));
  if (!set) CHECK(set.error().kind() == ErrorKind::no_space);
  const auto kept = file->attribute("user.punchline");
  REQUIRE(kept.ok());
  CHECK(**kept == std::string(60, set.ok() ? 'b' : 'a'));
}

TEST_CASE("ENOSPC in mid-record leaves no piece of it", "[P2]") {
  for (const auto& kind : kKinds) {
    INFO(kind.type);
    const auto folder = mounted(kind.type, kind.bytes);
    if (folder.empty()) continue;
    write_file(folder + "/buffer", "before\n");
    fill_up(folder + "/filler", 0);
    REQUIRE(::truncate((folder + "/filler").c_str(), 10'000) == 0);  // some room, but not much
    auto filler = open_append_writer(folder + "/buffer", Format::lines);
    REQUIRE(filler.ok());
    const std::string record(3'000, 'r');
    Status added;
    for (std::uint64_t i = 0; i < kind.bytes / 3'000 && added; ++i) {
      added = (*filler)->add(record);
    }
    if (added) added = (*filler)->flush();
    REQUIRE_FALSE(added.ok());
    CHECK(added.error().kind() == ErrorKind::no_space);
    std::ifstream lines(folder + "/buffer");
    std::uint64_t whole = 0;
    std::uint64_t pieces = 0;
    for (std::string line; std::getline(lines, line);) {
      whole += line == record ? 1 : 0;
      pieces += line != record && line != "before" && line.find('r') != std::string::npos ? 1 : 0;
    }
    INFO(added.error().message());
    // btrfs copies on write, so a full one refuses even to overwrite: then that is said.
    const bool said = added.error().message().find("take back") != std::string::npos;
    CHECK((!said || std::string(kind.type) == "btrfs"));
    CHECK(pieces == (said ? 1 : 0));
    CHECK(whole == (*filler)->records_written());
  }
}

// What a power cut leaves of a collapse, made with the kernel's own calls: the whole of it, then
// the hole put back where the shifting stopped.
TEST_CASE("a collapse that was cut off in the middle is carried to its end", "[C7][C8][K8]") {
  constexpr std::uint64_t kBlock = 4096;
  constexpr std::uint64_t kHole = 64 * kBlock;
  for (const char* type : {"ext4", "xfs"}) {
    const auto folder = mounted(type, 320 * kMib);
    if (folder.empty()) continue;
    for (std::uint64_t shifted = 0; shifted <= 8; ++shifted) {
      INFO(type << ", blocks shifted: " << shifted);
      const auto path = folder + "/buffer-" + std::to_string(shifted);
      std::string text(kHole, '\0');
      for (const char kind : std::string("ab..cd.e")) {
        text += kind == '.' ? std::string(kBlock, '\0') : std::string(kBlock - 1, kind) + "\n";
      }
      text += "tail\n";
      write_file(path, text);
      auto file = writable(path);
      for (const OffsetRange hole : {OffsetRange{0, kHole},
                                   {kHole + 2 * kBlock, kHole + 4 * kBlock},
                                   {kHole + 6 * kBlock, kHole + 7 * kBlock}}) {
        REQUIRE(file->punch(hole).ok());
      }
      StartFacts facts;
      facts.boot = 1;
      facts.boot_time_ns = 1;
      Checkpoint checkpoint(*file, facts);
      REQUIRE(checkpoint.start().ok());
      REQUIRE(checkpoint.move_front(kHole).ok());
      REQUIRE(checkpoint.sync().ok());
      const auto intent = plan_collapse(*file, checkpoint.state(), {kBlock, kBlock, 0});
      REQUIRE(intent.ok());
      REQUIRE(intent->has_value());
      REQUIRE((*intent)->segments.size() == 3);
      REQUIRE(file->set_attribute(kIntentAttribute, encode(**intent)).ok());
      REQUIRE(file->collapse({0, kHole}).ok());
      const auto again = Descriptor::open(path, O_RDWR);
      REQUIRE(again.ok());
      REQUIRE(::fallocate(again->fd(), FALLOC_FL_INSERT_RANGE, static_cast<off_t>(shifted * kBlock),
                          static_cast<off_t>(kHole)) == 0);
      facts.boot = 2;
      Checkpoint next(*file, facts);
      const auto report = next.start();
      REQUIRE(report.ok());
      CHECK(report->origin == Origin::new_boot);
      CHECK(next.base() == (shifted == 0 ? 0 : kHole));
      CHECK(next.front() == kHole);
      std::string now(text.size(), 'x');
      const auto read = file->read_at(0, now);
      REQUIRE(read.ok());
      now.resize(*read);
      CHECK(now == text.substr(next.base().value()));
      const auto left = file->attribute(kIntentAttribute);
      REQUIRE(left.ok());
      CHECK_FALSE(left->has_value());
    }
  }
}

TEST_CASE("the probe tells filesystems apart") {
  for (const auto& kind : kKinds) {
    INFO(kind.type);
    const auto folder = mounted(kind.type, kind.bytes);
    if (folder.empty()) continue;
    const auto report = probe_folder(folder);
    REQUIRE(report.ok());
    const bool collapses = std::string(kind.type) == "ext4" || std::string(kind.type) == "xfs";
    CHECK(report->filesystem == kind.type);
    CHECK(report->punch.works());
    CHECK(report->holes.works());
    CHECK(report->attributes.works());
    CHECK(report->appends.works());
    CHECK(report->collapse.works() == collapses);
    CHECK(report->collapse_unit_bytes == (collapses ? report->block_bytes : 0));
  }
}

TEST_CASE("the collapse unit is found where blocks are small") {
  const auto folder = mounted("ext4", 64 * kMib, "-b 1024");
  if (folder.empty()) return;
  const auto report = probe_folder(folder);
  REQUIRE(report.ok());
  CHECK(report->block_bytes == 1024);
  CHECK(report->collapse_unit_bytes == 1024);
}

TEST_CASE("an ext4 that keeps small files in their inodes is told: it loses appends") {
  const auto folder = mounted("ext4", 64 * kMib, "-O inline_data");
  if (folder.empty()) return;
  const auto report = probe_folder(folder);
  REQUIRE(report.ok());
  CHECK(report->appends.missing());
  const auto plain = mounted("ext4", 64 * kMib);
  REQUIRE(!plain.empty());
  CHECK(probe_folder(plain)->appends.works());
}

TEST_CASE("on a full disk the probe knows less, and does not fail") {
  const auto folder = mounted("ext4", 64 * kMib);
  if (folder.empty()) return;
  fill_up(folder + "/filler", 0);
  const auto report = probe_folder(folder);
  REQUIRE(report.ok());
  CHECK(report->punch.answer == Capability::Answer::unknown);
  CHECK(report->collapse.answer == Capability::Answer::unknown);
  CHECK(report->free_bytes < 512 * 1024);
}

TEST_CASE("bindfs cannot punch, and we say so") {
  TempDir source("bindfs");
  const auto folder = mounts().mount_bindfs(source.path());
  if (folder.empty()) {
    std::cerr << "left out: bindfs: " << mounts().why() << "\n";
    return;
  }
  const auto report = probe_folder(folder);
  REQUIRE(report.ok());
  CHECK(report->filesystem == "fuse");
  CHECK(report->punch.missing());
  CHECK_THAT(report->punch.sentence, Catch::Matchers::Contains("could not be freed"));
  CHECK(report->collapse.missing());
  write_file(folder + "/buffer", std::string(20'000, 'x'));
  auto file = writable(folder + "/buffer");
  const auto punched = file->punch({0, 8'192});
  REQUIRE_FALSE(punched.ok());
  CHECK(punched.error().kind() == ErrorKind::unsupported);
}

TEST_CASE("a read-only filesystem can be read, and opening for writing says what is wrong") {
  const auto folder = mounted("tmpfs", 32 * kMib);
  if (folder.empty()) return;
  write_file(folder + "/buffer", "text\n");
  REQUIRE(std::system(("mount -o remount,ro '" + folder + "'").c_str()) == 0);
  auto file = PosixFile::open(folder + "/buffer");
  REQUIRE(file.ok());
  const auto writing = (*file)->open_for_writing();
  REQUIRE_FALSE(writing.ok());
  CHECK(writing.error().code() == EROFS);
}

TEST_CASE("a read-only filesystem is named, and not whoever was killed on it") {
  const auto folder = mounted("tmpfs", 32 * kMib);
  if (folder.empty()) return;
  const auto path = folder + "/buffer";
  write_file(path, "text\n");
  const LockHolder killed{host_name(), 1, now_utc(), boot_text(), "1:2", "token"};
  REQUIRE(writable(path)->set_attribute(kHolderAttribute, encode(killed)).ok());
  REQUIRE(std::system(("mount -o remount,ro '" + folder + "'").c_str()) == 0);
  const auto lock = LockRequest(LockFile::path_for(path)).wait(*opened(path));
  REQUIRE_FALSE(lock.ok());
  CHECK(lock.error().code() == EROFS);
}
