// librdkafka's timed waits, on a clock that nobody sets.
//
// librdkafka (2.0.2 to 2.15) waits by C11's cnd_timedwait() until a time of the wall clock: a clock
// that is set back by an hour makes such a wait an hour longer, and for so long nothing is sent
// and no client ends. Defined in the executable, these two take glibc's place in it, as any
// definition of the executable does for a shared library (ld.so(8)); both wait on CLOCK_MONOTONIC.
// A librdkafka that is linked statically or was built with its own tinycthread does not call
// them: there the clock holds it up as before.
//
// It makes its times in two ways: by timespec_get() before a loop of waits, and by gettimeofday()
// right before one wait (rdtime.h, tinycthread_extra.c). The first kind is recognised by a mark.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>

#include <pthread.h>
#include <threads.h>

#if defined(__GLIBC__)

namespace {

using std::chrono::microseconds;

// timespec_get() adds this to a whole number of microseconds. librdkafka adds whole ones to the
// result.
constexpr long kMarkNs = 1;

microseconds since_epoch(const timespec& time) {
  return std::chrono::seconds(time.tv_sec) + microseconds(time.tv_nsec / 1000);
}

microseconds read(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return since_epoch(now);
}

timespec to_timespec(microseconds time) {
  return {static_cast<time_t>(time.count() / 1'000'000),
          static_cast<long>(time.count() % 1'000'000 * 1000)};
}

// The difference between the wall clock and CLOCK_MONOTONIC when it was first asked for. So any
// other caller of timespec_get() gets a time of day, but one that does not follow a clock that is
// set.
microseconds wall_minus_steady() {
  static const auto difference = read(CLOCK_REALTIME) - read(CLOCK_MONOTONIC);
  return difference;
}

microseconds steady_end(const timespec& until) {
  const auto end = since_epoch(until);
  const bool marked = until.tv_nsec % 1000 == kMarkNs;
  const auto steady =
      marked ? end - wall_minus_steady() : read(CLOCK_MONOTONIC) + end - read(CLOCK_REALTIME);
  return std::max(steady, microseconds(0));
}

}  // namespace

extern "C" {

int timespec_get(timespec* time, int base) noexcept {
  if (base != TIME_UTC) return 0;
  *time = to_timespec(read(CLOCK_MONOTONIC) + wall_minus_steady());
  time->tv_nsec += kMarkNs;
  return base;
}

// glibc's C11 types are its POSIX ones by another name (bits/thread-shared-types.h).
int cnd_timedwait(cnd_t* condition, mtx_t* mutex, const timespec* until) {
  const auto end = to_timespec(steady_end(*until));
  const int error =
      ::pthread_cond_clockwait(reinterpret_cast<pthread_cond_t*>(condition),
                               reinterpret_cast<pthread_mutex_t*>(mutex), CLOCK_MONOTONIC, &end);
  if (error == 0) return thrd_success;
  return error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

}  // extern "C"

#endif
