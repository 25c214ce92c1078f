#pragma once

#include <cstddef>
#include <cstdint>

namespace punchline {

/// The number of open files, sockets and the like that one process may have (RLIMIT_NOFILE,
/// getrlimit(2)).
///
/// The usual soft limit, 1,024, is for programs that use select(2) (systemd.exec(5),
/// "LimitNOFILE"), which neither we nor librdkafka do.

struct DescriptorLimit {
  std::uint64_t before = 0;  ///< How many could be open so far.
  std::uint64_t now = 0;     ///< How many can be open from now on.
};

/// Raises the soft limit to the hard one. Call it once, before the process starts threads. If that
/// is not possible, both numbers are the same.
DescriptorLimit raise_descriptor_limit();

/// With fewer the agent cannot even open its buffers, connect to Kafka and serve a page.
std::uint64_t descriptors_least(std::size_t buffers);
/// With so many it never lacks one, even if each buffer has a quarantine and is replaced by a new
/// file while the old one is forwarded, pages are asked for, and the cluster has some dozens of
/// brokers.
std::uint64_t descriptors_needed(std::size_t buffers);

}  // namespace punchline
