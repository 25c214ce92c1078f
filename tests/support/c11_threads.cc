// C11 threads over POSIX threads, for the thread sanitizer alone.
//
// librdkafka starts its threads and takes its locks by <threads.h>, which the sanitizer does not
// know: it crashes at the first thread. Defined in the executable, these take glibc's place; timed
// waits have theirs in sinks/steady_waits.cc. glibc's types have the size of their POSIX twins
// (bits/thread-shared-types.h).
#include <cerrno>
#include <memory>

#include <pthread.h>
#include <threads.h>

namespace {

struct Start {
  thrd_start_t function;
  void* argument;
};

void* run(void* start) {
  const std::unique_ptr<Start> mine(static_cast<Start*>(start));
  // An int as POSIX threads hand on a result. NOLINTNEXTLINE(performance-no-int-to-ptr)
  return reinterpret_cast<void*>(static_cast<long>(mine->function(mine->argument)));
}

pthread_mutex_t* posix(mtx_t* mutex) {
  return reinterpret_cast<pthread_mutex_t*>(mutex);
}
pthread_cond_t* posix(cnd_t* condition) {
  return reinterpret_cast<pthread_cond_t*>(condition);
}

int answer(int error) {
  if (error == 0) return thrd_success;
  return error == EBUSY ? thrd_busy : thrd_error;
}

static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t) && sizeof(cnd_t) >= sizeof(pthread_cond_t));

}  // namespace

extern "C" {

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  return answer(pthread_create(thread, nullptr, run, new Start{function, argument}));
}
int thrd_join(thrd_t thread, int* result) {
  void* value = nullptr;
  const int error = pthread_join(thread, &value);
  if (result != nullptr) *result = static_cast<int>(reinterpret_cast<long>(value));
  return answer(error);
}
thrd_t thrd_current() {
  return pthread_self();
}

int mtx_init(mtx_t* mutex, int type) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if ((type & mtx_recursive) != 0) {
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  }
  const int error = pthread_mutex_init(posix(mutex), &attributes);
  pthread_mutexattr_destroy(&attributes);
  return answer(error);
}
int mtx_lock(mtx_t* mutex) {
  return answer(pthread_mutex_lock(posix(mutex)));
}
int mtx_unlock(mtx_t* mutex) {
  return answer(pthread_mutex_unlock(posix(mutex)));
}
void mtx_destroy(mtx_t* mutex) {
  pthread_mutex_destroy(posix(mutex));
}

int cnd_init(cnd_t* condition) {
  return answer(pthread_cond_init(posix(condition), nullptr));
}
int cnd_signal(cnd_t* condition) {
  return answer(pthread_cond_signal(posix(condition)));
}
int cnd_broadcast(cnd_t* condition) {
  return answer(pthread_cond_broadcast(posix(condition)));
}
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return answer(pthread_cond_wait(posix(condition), posix(mutex)));
}
void cnd_destroy(cnd_t* condition) {
  pthread_cond_destroy(posix(condition));
}

// librdkafka 2.0.2 has races of its own (#4522, #5082 and more), and counts references by atomics
// that the sanitizer does not see, so that its free() and the end of a lock look unordered. Only
// what touches memory in its own code is left out: its copies of our payload go through memcpy,
// still watched. NOLINTNEXTLINE(bugprone-reserved-identifier): the sanitizer's name for it
const char* __tsan_default_suppressions() {
  return "race_top:librdkafka\n"
         "race:mtx_destroy\n"
         "race:pthread_rwlock_destroy\n"
         "race:^__interceptor_free$\n";  // as the sanitizer names free(); not operator delete
}

void call_once(once_flag* flag, void (*function)()) {
  pthread_once(reinterpret_cast<pthread_once_t*>(flag), function);
}

}  // extern "C"
