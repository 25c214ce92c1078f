#pragma once

#include <cstdint>
#include <string>

namespace punchline::testing {

/// A network of the calling thread's own, which has 127.0.0.1 and nobody else. All that the thread
/// starts from now on (threads, processes) is in it. The thread goes back to where it was when the
/// object goes. Needs root.
class NetNamespace {
 public:
  NetNamespace();
  ~NetNamespace();
  NetNamespace(const NetNamespace&) = delete;
  NetNamespace& operator=(const NetNamespace&) = delete;

  /// From now on this many of a hundred packets are lost, by chance, wherever they go (nftables).
  /// False if that is not possible here; then why() says what is missing.
  bool lose_percent(int share);
  void lose_none();
  /// Packets lost since lose_percent().
  std::uint64_t lost();

  bool ready() const { return ready_; }
  const std::string& why() const { return why_; }

 private:
  bool run_here(const std::string& command);

  int former_ = -1;
  bool ready_ = false;
  std::string out_;
  std::string why_;
};

}  // namespace punchline::testing
