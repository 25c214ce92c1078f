#pragma once

#include <cstddef>
#include <cstdint>

namespace punchline {

/// Open files, sockets and the like that one process may have (RLIMIT_NOFILE, getrlimit(2)).
///
/// The usual soft limit, 1,024, is for programs that use select(2) (systemd.exec(5),
/// "LimitNOFILE"), which neither we nor librdkafka do.

struct DescriptorLimit {
  std::uint64_t before = 0;  ///< As many as could be open.
  std::uint64_t now = 0;     ///< As many as can be open from now on.
};

/// Raises the soft limit to the hard one, once for the process, before it starts threads. Where
/// that is not possible both numbers are the same.
DescriptorLimit raise_descriptor_limit();

/// Without so many the agent cannot even open its buffers, Kafka and a page of its own.
std::uint64_t descriptors_least(std::size_t buffers);
/// With so many it never lacks one: each buffer replaced by a new file while the old one is
/// forwarded, with a quarantine; pages asked for; a cluster of some dozens of brokers.
std::uint64_t descriptors_needed(std::size_t buffers);

}  // namespace punchline
