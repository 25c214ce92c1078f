#include "tests/powercut/recording.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "tests/powercut/load.h"
#include "tests/support/process.h"
#include "tests/support/program.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr int kKillsMax = 5;  // of the agent, in the last third
constexpr int kCollapses = 12;
constexpr milliseconds kThere(500);
constexpr milliseconds kAway(150);

void require(bool done, const FsMounts& mounts, const std::string& what) {
  if (!done) throw std::runtime_error(what + ": " + mounts.why());
}

// cut_disk over a copy of the image, and the filesystem mounted on it.
class CutDisk {
 public:
  CutDisk(FsMounts& mounts, const Recording& recording) : mounts_(mounts) {
    const auto work = mounts.base() + "/work";
    folder_ = mounts.base() + "/fuse";
    std::filesystem::create_directory(folder_);
    require(mounts.sh("cp --sparse=always '" + recording.base + "' '" + work + "'"), mounts, "cp");
    server_ = std::make_unique<Process>(
        Command{.argv = {PUNCHLINE_CUT_DISK, work, recording.log, folder_}});
    const bool serves = eventually(
        seconds(10), [&] { return std::filesystem::exists(mark()) || !server_->running(); });
    if (!serves || !server_->running()) throw std::runtime_error("cut_disk: " + server_->err());
    disk_folder_ =
        mounts.mount_image(recording.disk.type, folder_ + "/disk", recording.disk.mount_options);
    require(!disk_folder_.empty(), mounts, "mount");
  }
  // It throws, and so ends the test, where the disk cannot be taken down.
  // NOLINTNEXTLINE(bugprone-exception-escape)
  ~CutDisk() { take_down(); }
  CutDisk(const CutDisk&) = delete;
  CutDisk& operator=(const CutDisk&) = delete;

  // The loop device lets go of the file a moment after the unmount.
  void take_down() {
    if (!server_) return;
    const bool gone =
        eventually(seconds(20), [&] { return mounts_.unmount(disk_folder_); }) &&
        eventually(seconds(20), [&] { return mounts_.sh("umount '" + folder_ + "'"); }) &&
        server_->wait(seconds(20)).has_value();
    server_.reset();
    std::filesystem::remove(mounts_.base() + "/work");
    if (!gone) throw std::runtime_error("unmount: " + mounts_.why());
  }

  std::string mark() const { return folder_ + "/mark"; }
  const std::string& folder() const { return disk_folder_; }

 private:
  FsMounts& mounts_;
  std::string folder_;
  std::string disk_folder_;
  std::unique_ptr<Process> server_;
};

// Takes `share` of what is free for a file of its own.
int fill(const std::string& path, double share) {
  struct statvfs facts {};
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  const bool opened = fd >= 0 && ::fstatvfs(fd, &facts) == 0;
  const auto bytes = static_cast<double>(facts.f_bavail * facts.f_bsize) * share;
  if (!opened || ::fallocate(fd, 0, 0, static_cast<off_t>(bytes)) != 0) {
    throw std::runtime_error("fill " + path + ": " + std::strerror(errno));
  }
  return fd;
}

// Leaves every other 8 KiB. XFS keeps some of its space back at first and offers it as soon as
// there is more, all in one piece: that is taken by a second file.
void scatter(const std::string& folder) {
  constexpr off_t kPieceBytes = 8 * 1024;
  const int fd = fill(folder + "/filler", 0.99);
  struct stat facts {};
  bool done = ::fstat(fd, &facts) == 0;
  for (off_t at = 0; done && at + kPieceBytes <= facts.st_size; at += 2 * kPieceBytes)
    done = ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, kPieceBytes) == 0;
  ::close(fd);
  if (!done) throw std::runtime_error("scatter: " + std::string(std::strerror(errno)));
  ::close(fill(folder + "/rest", 0.6));
}

void make_filesystem(FsMounts& mounts, const Recording& recording) {
  std::filesystem::remove(recording.base);
  std::ofstream(recording.base).close();
  std::filesystem::resize_file(recording.base, recording.disk.bytes);
  const std::string force = recording.disk.type == "ext4" ? " -q -F '" : " -q -f '";
  require(mounts.sh("mkfs." + recording.disk.type + force + recording.base + "'"), mounts, "mkfs");
  if (!recording.disk.scattered) return;
  const auto folder = mounts.mount_image(recording.disk.type, recording.base, {});
  require(!folder.empty(), mounts, "mount");
  scatter(folder);
  require(mounts.unmount(folder), mounts, "unmount");
}

std::unique_ptr<Agent> start_agent(const RunSetup& setup) {
  auto agent = std::make_unique<Agent>(setup);
  const bool ready = eventually(seconds(20), [&] { return agent->metric("punchline_ready") == 1; });
  if (!ready) throw std::runtime_error("the agent is not ready:\n" + agent->log());
  return agent;
}

// For a while the broker refuses larger records: their partition stands still, so that the front
// does too, and what is done above it is freed there. Then the agent may be killed, again and
// again.
void disturb(KafkaCluster& kafka, const Recording& recording, const RunSetup& setup,
             std::unique_ptr<Agent>& agent, milliseconds length, std::mt19937_64& random) {
  const auto start = Clock::now();
  pause_until(start + length / 4);
  if (!recording.plain) kafka.alter_topic(recording.topic, {{"max.message.bytes", "4000"}});
  pause_until(start + length / 2);
  if (!recording.plain) kafka.alter_topic(recording.topic, {{"max.message.bytes", "1048588"}});
  const int kills = static_cast<int>(between(random, 0, kKillsMax));
  for (int kill = 0; kill < kills; ++kill) {
    pause_until(start + length * (2 * kKillsMax + kill) / (3 * kKillsMax));
    agent->kill9();
    agent = start_agent(setup);
  }
  pause_until(start + length);
}

// A start looks at once whether to collapse: there must be a hole, and less data behind it.
void collapse_often(const RunSetup& setup, std::unique_ptr<Agent>& agent) {
  for (int collapse = 0; collapse < kCollapses; ++collapse) {
    pause_until(Clock::now() + kThere);
    agent->kill9();
    pause_until(Clock::now() + kAway);
    agent = start_agent(setup);
  }
}

}  // namespace

const std::vector<Disk>& all_disks() {
  static const std::vector<Disk> disks = {
      {"ext4", "ext4", 96 * kMib, "data=ordered", true},
      {"ext4-journal", "ext4", 96 * kMib, "data=journal", true},
      {"xfs", "xfs", 320 * kMib, "", true},
      // XFS shifts extent by extent, each in a transaction of its own.
      {"xfs-scattered", "xfs", 320 * kMib, "", true, true},
      {"btrfs", "btrfs", 160 * kMib, "commit=1", false},
  };
  return disks;
}

const Disk& disk_named(const std::string& name) {
  for (const auto& disk : all_disks())
    if (disk.name == name) return disk;
  throw std::runtime_error("no such filesystem: " + name);
}

std::vector<std::string> agent_environment(const Recording& recording) {
  return {"env", recording.plain ? "PUNCHLINE_COLLAPSE_BYTES_MIN=0"
                                 : "PUNCHLINE_COLLAPSE_BYTES_MIN=64KiB"};
}

Recording record(FsMounts& mounts, KafkaCluster& kafka, const Recording& wanted,
                 milliseconds length, std::mt19937_64& random) {
  auto recording = wanted;
  recording.base = mounts.base() + "/base";
  recording.log = mounts.base() + "/log-of-disk";
  kafka.create_topic(recording.topic, recording.partitions,
                     {{"message.timestamp.type", "LogAppendTime"}});
  make_filesystem(mounts, recording);
  CutDisk disk(mounts, recording);
  const RunSetup setup{.buffer = disk.folder() + "/buffer",
                       .brokers = kafka.bootstrap(),
                       .topic = recording.topic,
                       .before = agent_environment(recording)};
  auto agent = start_agent(setup);
  const int mark = ::open(disk.mark().c_str(), O_WRONLY | O_CLOEXEC);
  put_mark(mark, "begin");
  Load load(disk.folder(), disk.mark(), recording.format,
            recording.collapses ? Load::kForCollapses : Load::Pace(), random());
  if (recording.collapses) {
    collapse_often(setup, agent);
  } else {
    disturb(kafka, recording, setup, agent, length, random);
  }
  recording.begun_ns = load.stop();
  put_mark(mark, "end");
  ::close(mark);
  recording.agent_log = agent->log();
  agent->kill9();
  disk.take_down();
  return recording;
}

}  // namespace punchline::testing
