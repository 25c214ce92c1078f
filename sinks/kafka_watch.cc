#include "sinks/kafka_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>

namespace punchline {

using Clock = std::chrono::steady_clock;

struct KafkaWatch::State {
  struct Topic {
    RouteId route = 0;
    rd_kafka_topic_t* handle = nullptr;
    bool answered = false;
    TopicAnswer last;
  };

  int wake_fd = -1;
  std::chrono::milliseconds interval{0};

  std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex. The client comes once, `topics` only grow while not retired.
  rd_kafka_t* client = nullptr;
  rd_kafka_queue_t* queue = nullptr;
  std::vector<Topic> topics;
  std::vector<TopicAnswer> answers;
  bool asked = true;
  bool retired = false;
  bool gone = false;
};

namespace {

using State = KafkaWatch::State;

/// One question may hold up the end of the thread for so long.
constexpr int kQuestionMs = 1000;
constexpr std::chrono::milliseconds kRetryMin{1000};
constexpr std::chrono::milliseconds kRetryMax{2000};

TopicAnswer ask(rd_kafka_t* client, RouteId route, rd_kafka_topic_t* topic) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto failure = rd_kafka_metadata(client, 0, topic, &metadata, kQuestionMs);
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) return {route, failure, false, 0};
  TopicAnswer answer{route, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, true, 0};
  if (metadata->topic_cnt == 1) {
    const auto& told = metadata->topics[0];
    answer.code = told.err;
    if (told.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      answer.partitions = told.partition_cnt;
      // A topic that is just being created may have none yet.
      if (told.partition_cnt == 0) answer.code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return answer;
}

/// Under the mutex.
void hand_over(State& state, std::size_t index, const TopicAnswer& answer, bool wanted) {
  auto& topic = state.topics[index];
  if (topic.answered && topic.last == answer && !wanted) return;
  topic.answered = true;
  topic.last = answer;
  state.answers.push_back(answer);
  ::eventfd_write(state.wake_fd, 1);
}

enum class Round : std::uint8_t { well, topic_missing, nobody_answered };

/// Asks about each topic. Releases the mutex while it asks.
Round round(State& state, std::unique_lock<std::mutex>& lock, bool wanted) {
  Round result = Round::well;
  for (std::size_t i = 0; i < state.topics.size() && !state.retired; ++i) {
    const RouteId route = state.topics[i].route;
    rd_kafka_topic_t* handle = state.topics[i].handle;
    lock.unlock();
    const TopicAnswer answer = ask(state.client, route, handle);
    lock.lock();
    hand_over(state, i, answer, wanted);
    // The other topics would wait for the same.
    if (!answer.broker_answered) return Round::nobody_answered;
    if (answer.code != 0) result = Round::topic_missing;
  }
  return result;
}

void watch(State& state) {
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return state.client != nullptr || state.retired; });
  auto pause = kRetryMin;
  auto next = Clock::now();
  while (!state.retired) {
    state.changed.wait_until(lock, next, [&] { return state.asked || state.retired; });
    if (state.retired) break;
    const auto begin = Clock::now();
    const bool wanted = std::exchange(state.asked, false);
    switch (round(state, lock, wanted)) {
      case Round::well:
        pause = kRetryMin;
        next = begin + state.interval;
        break;
      case Round::topic_missing:
        next = begin + pause;
        pause = std::min(2 * pause, kRetryMax);
        break;
      case Round::nobody_answered:
        // The question itself waits a second for a broker, and hears of one at once.
        next = begin + std::chrono::milliseconds(kQuestionMs);
        break;
    }
  }
}

void destroy(State& state) {
  for (const auto& topic : state.topics)
    rd_kafka_topic_destroy(topic.handle);
  rd_kafka_queue_destroy(state.queue);
  rd_kafka_destroy(state.client);
  const std::lock_guard lock(state.mutex);
  state.gone = true;
  state.changed.notify_all();
  ::eventfd_write(state.wake_fd, 1);
}

Status start_thread(const std::shared_ptr<State>& state) {
  try {
    std::thread([state] {
      watch(*state);
      if (state->client != nullptr) destroy(*state);
    }).detach();
    return {};
  } catch (const std::system_error& error) {
    return Error(ErrorKind::io, error.code().value(), "start a thread");
  }
}

/// Signals belong to the program's own thread.
Status start_thread_without_signals(const std::shared_ptr<State>& state) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  auto started = start_thread(state);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

}  // namespace

Result<std::unique_ptr<KafkaWatch>> KafkaWatch::start(int wake_fd,
                                                      std::chrono::milliseconds interval) {
  auto state = std::make_shared<State>();
  state->wake_fd = wake_fd;
  state->interval = interval;
  if (auto started = start_thread_without_signals(state); !started) return started.error();
  return std::unique_ptr<KafkaWatch>(new KafkaWatch(std::move(state)));
}

KafkaWatch::~KafkaWatch() {
  retire();
}

void KafkaWatch::take_client(rd_kafka_s* client, rd_kafka_queue_s* queue) {
  const std::lock_guard lock(state_->mutex);
  state_->client = client;
  state_->queue = queue;
  state_->changed.notify_all();
}

void KafkaWatch::add_topic(RouteId route, rd_kafka_topic_s* topic) {
  const std::lock_guard lock(state_->mutex);
  state_->topics.push_back({route, topic, false, {}});
  state_->asked = true;
  state_->changed.notify_all();
}

void KafkaWatch::look_now() {
  const std::lock_guard lock(state_->mutex);
  state_->asked = true;
  state_->changed.notify_all();
}

void KafkaWatch::take_answers(std::vector<TopicAnswer>& answers) {
  const std::lock_guard lock(state_->mutex);
  answers.insert(answers.end(), state_->answers.begin(), state_->answers.end());
  state_->answers.clear();
}

void KafkaWatch::retire() {
  const std::lock_guard lock(state_->mutex);
  state_->retired = true;
  state_->changed.notify_all();
}

bool KafkaWatch::gone() const {
  const std::lock_guard lock(state_->mutex);
  return state_->gone;
}

bool KafkaWatch::wait_gone(Clock::time_point deadline) {
  std::unique_lock lock(state_->mutex);
  return state_->changed.wait_until(lock, deadline, [&] { return state_->gone; });
}

}  // namespace punchline
