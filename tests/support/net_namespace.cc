#include "tests/support/net_namespace.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "tests/support/process.h"

namespace punchline::testing {

NetNamespace::NetNamespace() : former_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
  if (former_ < 0 || unshare(CLONE_NEWNET) != 0) {
    why_ = "no network namespace of our own: " + std::string(std::strerror(errno));
    return;
  }
  // Packets as small as on a wire: by itself this link carries 64 KiB in one.
  ready_ = run_here("ip link set lo up mtu 1500 gso_max_size 1500 gso_max_segs 1");
}

NetNamespace::~NetNamespace() {
  if (former_ < 0) return;
  setns(former_, CLONE_NEWNET);
  close(former_);
}

bool NetNamespace::run_here(const std::string& command) {
  const auto ended = run({.argv = {"sh", "-c", "PATH=\"$PATH:/usr/sbin:/sbin\"; " + command}});
  out_ = ended.out;
  if (ended.exit.code == 0) return true;
  why_ = command + ": " + ended.out + ended.err;
  return false;
}

bool NetNamespace::lose_percent(int share) {
  return ready_ && run_here(
                       "nft 'add table inet lossy { counter lost { } ; chain in { "
                       "type filter hook input priority 0; policy accept; "
                       "numgen random mod 100 < " +
                       std::to_string(share) + " counter name lost drop; }; }'");
}

void NetNamespace::lose_none() {
  if (!run_here("nft delete table inet lossy")) throw std::runtime_error(why_);
}

std::uint64_t NetNamespace::lost() {
  constexpr std::string_view kName = "packets ";
  if (!run_here("nft list counter inet lossy lost")) throw std::runtime_error(why_);
  const auto at = out_.find(kName);
  if (at == std::string::npos) throw std::runtime_error("no count of packets: " + out_);
  return std::strtoull(out_.c_str() + at + kName.size(), nullptr, 10);
}

}  // namespace punchline::testing
