#include "sinks/kafka_watch.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <span>
#include <utility>

#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>

#include "buffer/base/quiet_thread.h"
#include "sinks/kafka_addresses.h"

namespace punchline {

using Clock = std::chrono::steady_clock;

struct KafkaWatch::State {
  /// How long one question may hold up the end of the thread. A question may take longer if the one
  /// before was not answered, since some brokers are only slow.
  static constexpr int kQuestionMs = 1000;
  static constexpr int kQuestionMsMax = 4000;

  struct Topic {
    RouteId route = 0;
    rd_kafka_topic_t* handle = nullptr;
    bool answered = false;
    TopicAnswer last;
  };

  int wake_fd = -1;
  std::chrono::milliseconds interval{0};
  std::shared_ptr<KafkaConnections> connections;

  std::mutex mutex;
  std::condition_variable changed;
  // Under the mutex. The client is set once. `topics` only grow until the watch is retired.
  rd_kafka_t* client = nullptr;
  rd_kafka_queue_t* queue = nullptr;
  std::vector<Topic> topics;
  std::vector<TopicAnswer> answers;
  std::string cluster;
  std::vector<LogEnd> logs;  // whose ends are to be asked for
  int end_tries = 0;
  int question_ms = kQuestionMs;  // as long as the next one may take
  std::vector<LogEnd> set_back;
  bool asked = true;
  bool vouching = false;
  bool retired = false;
  bool gone = false;
};

namespace {

using State = KafkaWatch::State;
constexpr int kQuestionMs = State::kQuestionMs;

constexpr std::chrono::milliseconds kRetryMin{1000};
constexpr std::chrono::milliseconds kRetryMax{2000};
constexpr int kEndTriesMax = 10;

std::size_t count(std::int32_t count) {
  return static_cast<std::size_t>(std::max(count, 0));
}

TopicAnswer ask(const State& state, RouteId route, rd_kafka_topic_t* topic, int wait_ms) {
  const rd_kafka_metadata_t* metadata = nullptr;
  const auto failure = rd_kafka_metadata(state.client, 0, topic, &metadata, wait_ms);
  if (failure == RD_KAFKA_RESP_ERR_NO_ERROR) state.connections->metadata_seen();
  if (failure != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return {.route = route,
            .code = failure,
            .broker_answered = false,
            .silence = silence_of(state.connections->peers())};
  }
  TopicAnswer answer{route, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, true, 0};
  for (const auto& broker : std::span(metadata->brokers, count(metadata->broker_cnt)))
    answer.brokers.push_back({broker.id, server_name(broker.host, broker.port)});
  if (metadata->topic_cnt == 1) {
    const auto& told = metadata->topics[0];
    answer.code = told.err;
    if (told.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      answer.partitions = told.partition_cnt;
      answer.places.resize(count(told.partition_cnt));
      for (const auto& each : std::span(told.partitions, count(told.partition_cnt))) {
        const auto at = count(each.id);
        if (at >= answer.places.size()) continue;
        answer.places[at] = {each.leader, each.replica_cnt, each.isr_cnt};
      }
      // A topic that is just being created may have none yet.
      if (told.partition_cnt == 0) answer.code = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
    }
  }
  rd_kafka_metadata_destroy(metadata);
  return answer;
}

/// Called under the mutex, right after an answer, so it does not wait.
void learn_cluster(State& state) {
  char* id = rd_kafka_clusterid(state.client, 0);
  if (id == nullptr) return;
  state.cluster = id;
  rd_kafka_mem_free(state.client, id);
}

/// Called under the mutex.
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
    const TopicAnswer answer = ask(state, route, handle, state.question_ms);
    lock.lock();
    if (answer.broker_answered) learn_cluster(state);
    hand_over(state, i, answer, wanted);
    const int longer = std::min(2 * state.question_ms, State::kQuestionMsMax);
    state.question_ms = answer.broker_answered ? kQuestionMs : longer;
    // The other topics would wait for the same.
    if (!answer.broker_answered) return Round::nobody_answered;
    if (answer.code != 0) result = Round::topic_missing;
  }
  return result;
}

/// Asks one question to vouch for the connections. Releases the mutex while it asks.
void vouch(State& state, std::unique_lock<std::mutex>& lock) {
  if (state.topics.empty()) return;
  rd_kafka_topic_t* handle = state.topics.front().handle;
  lock.unlock();
  ask(state, 0, handle, kQuestionMs);
  lock.lock();
  ::eventfd_write(state.wake_fd, 1);
}

rd_kafka_topic_t* handle_of(const State& state, RouteId route) {
  const auto topic = std::find_if(state.topics.begin(), state.topics.end(),
                                  [&](const State::Topic& each) { return each.route == route; });
  return topic != state.topics.end() ? topic->handle : nullptr;
}

/// Fills in `end`. False if not all could be asked. As a time, RD_KAFKA_OFFSET_END stands for the
/// end of the log in the protocol's ListOffsets.
bool ask_ends(rd_kafka_t* client, std::vector<std::pair<rd_kafka_topic_t*, LogEnd>>& logs) {
  rd_kafka_topic_partition_list_t* list =
      rd_kafka_topic_partition_list_new(static_cast<int>(logs.size()));
  for (const auto& [handle, log] : logs) {
    rd_kafka_topic_partition_list_add(list, rd_kafka_topic_name(handle), log.partition)->offset =
        RD_KAFKA_OFFSET_END;
  }
  const auto failure = rd_kafka_offsets_for_times(client, list, kQuestionMs);
  bool all = failure == RD_KAFKA_RESP_ERR_NO_ERROR;
  for (auto& [handle, log] : logs) {
    const auto* told =
        rd_kafka_topic_partition_list_find(list, rd_kafka_topic_name(handle), log.partition);
    if (!all || told->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      all = false;
      break;
    }
    log.end = told->offset;
  }
  rd_kafka_topic_partition_list_destroy(list);
  return all;
}

/// Releases the mutex while it asks. True if it should be tried again.
bool look_at_ends(State& state, std::unique_lock<std::mutex>& lock) {
  std::vector<std::pair<rd_kafka_topic_t*, LogEnd>> logs;
  for (const LogEnd& log : state.logs) {
    if (auto* handle = handle_of(state, log.route)) logs.emplace_back(handle, log);
  }
  lock.unlock();
  const bool all = ask_ends(state.client, logs);
  lock.lock();
  if (!all && ++state.end_tries < kEndTriesMax) return true;
  state.logs.clear();
  if (!all) return false;
  for (const auto& [handle, log] : logs) {
    if (log.end >= 0 && log.end <= log.confirmed) state.set_back.push_back(log);
  }
  if (!state.set_back.empty()) ::eventfd_write(state.wake_fd, 1);
  return false;
}

void watch(State& state) {
  std::unique_lock lock(state.mutex);
  state.changed.wait(lock, [&] { return state.client != nullptr || state.retired; });
  auto pause = kRetryMin;
  auto next = Clock::now();
  while (!state.retired) {
    state.changed.wait_until(lock, next,
                             [&] { return state.asked || state.vouching || state.retired; });
    if (state.retired) break;
    if (std::exchange(state.vouching, false)) vouch(state, lock);
    if (!state.asked && Clock::now() < next) continue;
    const auto begin = Clock::now();
    const bool wanted = std::exchange(state.asked, false);
    switch (round(state, lock, wanted)) {
      case Round::well:
        pause = kRetryMin;
        next = begin + state.interval;
        if (!state.logs.empty() && look_at_ends(state, lock)) next = Clock::now() + kRetryMin;
        break;
      case Round::topic_missing:
        next = begin + pause;
        pause = std::min(2 * pause, kRetryMax);
        break;
      case Round::nobody_answered:
        // The question itself waits a second and more for a broker, and hears of one at once.
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
  return start_quiet_thread([state] {
    watch(*state);
    if (state->client != nullptr) destroy(*state);
  });
}

}  // namespace

Result<std::unique_ptr<KafkaWatch>> KafkaWatch::start(
    int wake_fd, std::chrono::milliseconds interval,
    std::shared_ptr<KafkaConnections> connections) {
  auto state = std::make_shared<State>();
  state->wake_fd = wake_fd;
  state->interval = interval;
  state->connections = std::move(connections);
  if (auto started = start_thread(state); !started) return started.error();
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

void KafkaWatch::look_at_ends(std::vector<LogEnd> logs) {
  const std::lock_guard lock(state_->mutex);
  state_->logs = std::move(logs);
  state_->end_tries = 0;
  state_->asked = true;
  state_->changed.notify_all();
}

std::vector<LogEnd> KafkaWatch::take_set_back() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->set_back, {});
}

void KafkaWatch::vouch() {
  const std::lock_guard lock(state_->mutex);
  state_->vouching = true;
  state_->changed.notify_all();
}

std::string KafkaWatch::cluster() const {
  const std::lock_guard lock(state_->mutex);
  return state_->cluster;
}

void KafkaWatch::take_answers(std::vector<TopicAnswer>& answers) {
  const std::lock_guard lock(state_->mutex);
  answers.insert(answers.end(), state_->answers.begin(), state_->answers.end());
  state_->answers.clear();
}

std::optional<std::vector<TopicAnswer>> KafkaWatch::known_topics() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<TopicAnswer> known;
  for (const auto& topic : state_->topics) {
    if (!topic.answered || !topic.last.broker_answered) return std::nullopt;
    known.push_back(topic.last);
  }
  return known;
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
