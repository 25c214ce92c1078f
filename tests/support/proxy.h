#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <thread>
#include <vector>

namespace punchline::testing {

/// Stands between clients and brokers, TCP on 127.0.0.1, and can keep the brokers' answers to
/// itself: what a client sends is done, and the client does not hear of it. Or it holds everything
/// back for a while: what was sent comes late, even from a client that has died meanwhile.
///
/// A thread of its own does the work. Throws std::runtime_error if it cannot listen.
class Proxy {
 public:
  struct Door {
    std::uint16_t outside = 0;  ///< Where it listens.
    std::uint16_t inside = 0;   ///< Where it connects to, for each connection.
  };

  explicit Proxy(const std::vector<Door>& doors);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  /// From now on nothing that brokers send gets through; it is lost.
  void swallow_answers() { swallowing_ = true; }
  /// From now on nothing gets through in either direction, until release(). New clients connect.
  void hold();
  void release();
  /// Closes all connections, so that no client meets a hole in what it reads, and lets everything
  /// through again.
  void cut();

 private:
  struct Listener {
    int fd = -1;
    std::uint16_t inside = 0;
  };
  struct Pair {
    int client = -1;
    int broker = -1;
    bool closed = false;
  };

  void work();
  void admit(const Listener& listener);
  void pass(Pair& pair, int from, int to) const;
  void close_all();
  void tell();

  std::vector<Listener> listeners_;
  int wake_ = -1;
  std::atomic<bool> swallowing_ = false;
  std::atomic<bool> holding_ = false;
  std::atomic<bool> cut_ = false;
  std::atomic<bool> stop_ = false;
  std::list<Pair> pairs_;  // the thread's
  std::thread thread_;
};

}  // namespace punchline::testing
