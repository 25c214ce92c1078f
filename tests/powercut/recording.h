#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "buffer/state.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/kafka_cluster.h"

namespace punchline::testing {

/// A filesystem and how it is made and mounted.
struct Disk {
  std::string name;  ///< As in --fs.
  std::string type;
  std::uint64_t bytes = 0;
  std::string mount_options;
  bool collapses = false;
  bool scattered = false;  ///< Free space in small pieces: a file has many extents.
};
/// Throws std::runtime_error where there is none of this name.
const Disk& disk_named(const std::string& name);
const std::vector<Disk>& all_disks();

inline constexpr std::uint32_t kProducers = 4;

/// Some seconds of load on a disk, with all that it was asked to do.
struct Recording {
  Disk disk;
  Format format = Format::lines;
  bool plain = false;      ///< One partition, no collapse: nothing is ever freed above the front.
  bool collapses = false;  ///< Again and again, with others' syncs in the middle of them.
  std::int32_t partitions = 1;
  std::string topic;
  std::string base;  ///< Image of the disk at the beginning.
  std::string log;   ///< Of cut_disk.
  /// When each record began to be appended (CLOCK_REALTIME, ns), by producer and number.
  std::vector<std::vector<std::int64_t>> begun_ns;
  std::string agent_log;
};

/// Makes the load: the agent forwards to `topic`, producers append, others sync other files.
/// Marks in the log: "begin", "durable SIZE N0 N1 ...": so far the buffer, and so many records of
/// each producer, are on the disk for certain; "end". Throws std::runtime_error.
Recording record(FsMounts& mounts, KafkaCluster& kafka, const Recording& wanted,
                 std::chrono::milliseconds length, std::mt19937_64& random);

/// Arguments for an agent that collapses early, in front of the program.
std::vector<std::string> agent_environment(const Recording& recording);

}  // namespace punchline::testing
