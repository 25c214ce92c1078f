// Clients that are made while there are no threads to be had.

#include <atomic>
#include <cerrno>
#include <string>

#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>

#include "tests/support/catch.h"
#include "tests/unit/sinks/kafka_fixture.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace {

constexpr int kThreadsEnough = 1'000'000;
std::atomic<int> threads_left = kThreadsEnough;

template <class Function>
Function c_library(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

/// These two in place of the C library's, for this whole program: the first is that of std::thread,
/// the second librdkafka's, which under the thread sanitizer has a stand-in that calls the first.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) noexcept {
  if (threads_left-- <= 0) return EAGAIN;
  static const auto real = c_library<decltype(&pthread_create)>("pthread_create");
  return real(thread, attributes, start, argument);
}

#ifndef __SANITIZE_THREAD__
extern "C" int thrd_create(thrd_t* thread, thrd_start_t start, void* argument) {
  if (threads_left-- <= 0) return thrd_error;
  static const auto real = c_library<decltype(&thrd_create)>("thrd_create");
  return real(thread, start, argument);
}
#endif

#ifdef __SANITIZE_ADDRESS__
/// What librdkafka allocates before it finds that there is no thread it never frees (2.0.2).
extern "C" const char* __lsan_default_suppressions() {
  return "leak:librdkafka.so";
}
#endif

namespace punchline {

TEST_CASE("threads run out while a client is made: told, tried again, nothing is lost") {
  Delivering at;
  threads_left = 0;
  at.sink->lose_instance();
  at.forwarder.append(100);
  REQUIRE(at.forwarder.run_until(
      [&] { return count_notices(at.forwarder, "no new Kafka client") > 0; }));
  const auto first = KafkaSink::open(at.settings);
  threads_left = kThreadsEnough;
  CHECK(count_notices(at.forwarder,
                      "no new Kafka client: start a thread: Resource temporarily "
                      "unavailable; trying again each 5 s") == 1);
  REQUIRE_FALSE(first.ok());
  CHECK(first.error().kind() == ErrorKind::io);
  REQUIRE(at.forwarder.run_until([&] { return at.forwarder.all_done(); }));
  CHECK(read_back(at.broker->bootstrap(), "t", 200) == at.forwarder.expected());
}

TEST_CASE("a client that had no threads for its brokers is made anew") {
  Delivering at;
  threads_left = 2;  // ours and librdkafka's own
  at.sink->lose_instance();
  at.forwarder.append(100);
  REQUIRE(at.forwarder.run_until(
      [&] { return count_notices(at.forwarder, "no thread for a broker could be started") == 1; }));
  threads_left = kThreadsEnough;
  REQUIRE(at.forwarder.run_until([&] { return at.forwarder.all_done(); }));
  CHECK(read_back(at.broker->bootstrap(), "t", 200) == at.forwarder.expected());
}

}  // namespace punchline
