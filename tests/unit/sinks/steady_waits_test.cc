// Waits by C11's threads, in a program that sets its wall clock meanwhile.

#include <atomic>
#include <chrono>
#include <ctime>

#include <dlfcn.h>
#include <sys/time.h>
#include <threads.h>

#include "tests/support/catch.h"

namespace {

std::atomic<long> set_by_seconds = 0;

}  // namespace

/// In place of the C library's, for this whole program.
extern "C" int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static const auto real =
      reinterpret_cast<decltype(&clock_gettime)>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int answer = real(clock, time);
  if (clock == CLOCK_REALTIME) time->tv_sec += set_by_seconds;
  return answer;
}

namespace punchline {
namespace {

using std::chrono::milliseconds;

constexpr auto kSpan = milliseconds(200);

timespec later(timespec now) {  // as librdkafka adds to a time
  now.tv_nsec += std::chrono::nanoseconds(kSpan).count();
  if (now.tv_nsec >= 1'000'000'000) {
    now.tv_nsec -= 1'000'000'000;
    ++now.tv_sec;
  }
  return now;
}

timespec by_timespec_get() {
  timespec now{};
  REQUIRE(timespec_get(&now, TIME_UTC) == TIME_UTC);
  return later(now);
}

timespec by_time_of_day() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  now.tv_nsec = now.tv_nsec / 1000 * 1000;  // gettimeofday()
  return later(now);
}

class Waiter {
 public:
  Waiter() {
    REQUIRE(mtx_init(&mutex_, mtx_plain) == thrd_success);
    REQUIRE(cnd_init(&condition_) == thrd_success);
  }
  ~Waiter() {
    cnd_destroy(&condition_);
    mtx_destroy(&mutex_);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  // How long it takes until the time is over.
  milliseconds wait(const timespec& until) {
    const auto begin = std::chrono::steady_clock::now();
    mtx_lock(&mutex_);
    int answer = thrd_success;
    while (answer == thrd_success) answer = cnd_timedwait(&condition_, &mutex_, &until);
    mtx_unlock(&mutex_);
    CHECK(answer == thrd_timedout);
    return std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
  }

 private:
  mtx_t mutex_;
  cnd_t condition_;
};

void check_span(milliseconds took) {
  CHECK(took >= kSpan - milliseconds(20));  // what passes between the clock and the wait
  CHECK(took < kSpan + milliseconds(5000));
}

TEST_CASE("a wait takes as long as it should, however the clock is set after its end was chosen") {
  Waiter waiter;
  for (const long step : {-3600L, 3600L, -86'400L, 86'400L}) {
    INFO("by " << step << " s");
    const auto end = by_timespec_get();
    set_by_seconds += step;
    check_span(waiter.wait(end));
  }
}

TEST_CASE("a wait whose end was chosen by the clock as it is set now takes as long") {
  Waiter waiter;
  for (const long offset : {-3600L, 0L, 3600L, -1'700'000'000L}) {
    INFO("at " << offset << " s");
    set_by_seconds = offset;
    check_span(waiter.wait(by_time_of_day()));
  }
}

TEST_CASE("a wait until a time that is past ends at once") {
  Waiter waiter;
  set_by_seconds = 0;
  timespec past{};
  clock_gettime(CLOCK_REALTIME, &past);
  past.tv_sec -= 10 * 365 * 86'400;
  CHECK(waiter.wait(past) < milliseconds(100));
  CHECK(waiter.wait({0, 0}) < milliseconds(100));
}

TEST_CASE("timespec_get() still tells the time of day, and knows no other clock") {
  set_by_seconds = 0;
  timespec now{};
  REQUIRE(timespec_get(&now, TIME_UTC) == TIME_UTC);
  CHECK(std::abs(now.tv_sec - std::time(nullptr)) < 5);
  CHECK(timespec_get(&now, 99) == 0);
}

}  // namespace
}  // namespace punchline
