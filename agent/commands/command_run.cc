#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <malloc.h>

#include "agent/commands/commands.h"
#include "agent/config/config_changes.h"
#include "agent/config/config_error.h"
#include "agent/config/kafka_config.h"
#include "agent/config/listen_address.h"
#include "agent/core/forwarder.h"
#include "agent/core/metrics.h"
#include "agent/core/pipe.h"
#include "agent/core/stopping.h"
#include "agent/core/wall_clock.h"
#include "agent/host/buffers.h"
#include "agent/host/descriptors.h"
#include "agent/host/event_loop.h"
#include "agent/host/service_manager.h"
#include "agent/show/http.h"
#include "agent/show/pages.h"
#include "buffer/base/clock.h"
#include "buffer/base/counted.h"
#include "buffer/boot.h"
#include "buffer/change_watch.h"
#include "sinks/chunk.h"
#include "sinks/kafka_client.h"
#include "sinks/kafka_sink.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// How long to wait when a file with a secret could not be read. It may be complete by then.
constexpr auto kReconnectPause = 5s;

template <std::size_t kFigures>
std::uint64_t sum_of(const std::array<Figure, kFigures>& figures) {
  return std::accumulate(
      figures.begin(), figures.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Figure& figure) { return sum + figure.get(); });
}

TimePoint clock_now() {
  return std::chrono::steady_clock::now();
}

/// The objects of one run, in the order in which they need each other.
class Run {
 public:
  Run(const Config& config, const Reload& reload, Log& log)
      : config_(config),
        reload_(reload),
        log_(log),
        wall_clock_(config.clock, metrics_, log),
        pool_(config.chunk_bytes_max),
        stopping_(config.on_stop, config.stop_timeout) {
    metrics_.ready_with_any = config.ready_requires == ReadyRequires::any;
  }

  ExitCode go();

 private:
  std::optional<ExitCode> open();
  std::optional<ExitCode> allow_descriptors();
  std::optional<ExitCode> open_sink();
  std::optional<ExitCode> open_buffers();
  std::optional<ExitCode> open_http();
  ExitCode loop();
  void look_at_wall_clock();
  void give_memory_back(TimePoint now);
  void tell(std::string_view state);
  void wake_pipes();
  void hear(int signal);
  void stop();
  void settle();
  bool nothing_waits();
  void reconnect();
  bool is_reconnecting() const {
    return sink_->reconnecting() || reconnect_due_ != TimePoint::max();
  }
  std::optional<ExitCode> outcome(TimePoint now);
  std::optional<ExitCode> outcome_of_stop(TimePoint now);
  std::optional<ExitCode> outcome_of_refusal();
  ExitCode once_outcome() const;
  ExitCode end(ExitCode code);
  bool tell_what_stays();

  const Config& config_;
  const Reload& reload_;
  Log& log_;
  Metrics metrics_;
  WallClock wall_clock_;
  EventLoop events_;
  ChangeWatch watch_;
  ChunkPool pool_;  // outlives the sink, which may still read from it
  std::unique_ptr<KafkaSink> sink_;
  std::unique_ptr<Buffers> buffers_;  // outlive the pipes on them
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<HttpServer> http_;

  TimePoint started_{};
  TimePoint files_from_{};  // wakes by changed files are taken again from here on
  bool watch_failed_ = false;
  TimePoint memory_due_{};
  TimePoint reconnect_due_ = TimePoint::max();
  std::string reconnect_failure_told_;  // since the last SIGHUP
  Stopping stopping_;
  bool settles_ = false;
};

std::optional<ExitCode> Run::allow_descriptors() {
  const auto buffers = config_.buffers.size();
  const auto limit = raise_descriptor_limit();
  const auto needed = descriptors_needed(buffers);
  const auto text =
      fmt::format("{} up to {} descriptors; the limit (ulimit -n, LimitNOFILE) is {}",
                  counted(buffers, "buffer needs", "buffers need"), needed, limit.now);
  if (limit.now < descriptors_least(buffers)) {
    log_.error("{}: raise it, {} is the least to begin with", text, descriptors_least(buffers));
    return ExitCode::config;
  }
  if (limit.now < needed) {
    log_.warning("{}: raise it, or files and connections may have to wait", text);
  } else if (limit.before < needed) {
    log_.info("{}, raised from {}", text, limit.before);
  } else {
    log_.debug("{}", text);
  }
  return std::nullopt;
}

// Checks that can refuse the start come before anything is created or locked. Threads are started
// after the signals are masked.
std::optional<ExitCode> Run::open() {
  if (auto failed = allow_descriptors()) return failed;
  if (const auto opened = events_.open(watch_.fd()); !opened) {
    log_.error("{}", opened.error().message());
    return ExitCode::io;
  }
  if (!watch_.available()) {
    log_.warning("no inotify ({}): looking each second instead", watch_.why());
  }
  if (auto failed = open_sink()) return failed;
  if (auto failed = open_buffers()) return failed;
  return open_http();
}

std::optional<ExitCode> Run::open_sink() {
  const auto settings = kafka_settings(config_, kafka_reading());
  if (!settings) {
    log_.error("{}", settings.error().message());
    return ExitCode::config;
  }
  const auto needs = kafka_needs(config_);
  KafkaLimits limits;
  limits.records_max = needs.in_flight_records_max;
  limits.payload_bytes_max = needs.in_flight_bytes_max;
  auto sink = KafkaSink::open(*settings, limits);
  if (!sink) {
    log_.error("{}", sink.error().message());
    return sink.error().kind() == ErrorKind::refused ? ExitCode::config : ExitCode::io;
  }
  sink_ = std::move(*sink);
  if (const auto watched = events_.watch_sink(sink_->wait_fd()); !watched) {
    log_.error("{}", watched.error().message());
    return ExitCode::io;
  }
  forwarder_ = std::make_unique<Forwarder>(*sink_, metrics_, log_);
  return std::nullopt;
}

std::optional<ExitCode> Run::open_buffers() {
  buffers_ = std::make_unique<Buffers>(
      Buffers::Parts{*forwarder_, *sink_, pool_, metrics_, watch_, log_}, config_);
  const auto failure = buffers_->open(clock_now());
  if (!failure) return std::nullopt;
  log_.error("{}", failure->text);
  return failure->exit;
}

std::optional<ExitCode> Run::open_http() {
  if (!config_.http_listen) return std::nullopt;
  const auto listen = parse_listen_address(*config_.http_listen);
  metrics_.heartbeat_ms.set(milliseconds_of(clock_now()));  // for requests before the first turn
  auto http = serve_http(*listen, [this](std::string_view path) {
    return page_at(path, metrics_, milliseconds_of(clock_now()));
  });
  if (!http) {
    log_.error("{}", http.error().message());
    return ExitCode::io;
  }
  http_ = std::move(*http);
  log_.info("http: listening on {}", http_->address());
  return std::nullopt;
}

ExitCode Run::go() {
  if (const auto failed = open()) return *failed;
  if (config_.once) {
    for (std::size_t i = 0; i < forwarder_->pipes(); ++i) {
      const bool is_configured = i < config_.buffers.size();  // else one that was rotated
      // A quarantine takes what this run sets aside, and so is not limited.
      if (is_configured && config_.buffers[i].is_quarantine) continue;
      const auto limited = forwarder_->pipe(i).limit_to_present();
      if (limited) continue;
      log_.error("{}", limited.error().message());
      return ExitCode::io;
    }
  }
  metrics_.started = true;
  tell("READY=1");
  return end(loop());
}

ExitCode Run::loop() {
  started_ = clock_now();
  for (;;) {
    const auto now = clock_now();
    look_at_wall_clock();
    buffers_->look(now);
    auto due = forwarder_->turn(now);
    give_memory_back(now);
    metrics_.log_lines_dropped.set(log_.dropped());
    if (const auto code = outcome(now)) return *code;
    if (now >= reconnect_due_) reconnect();
    metrics_.kafka_reconnecting.set(is_reconnecting() ? 1 : 0);
    due = std::min({due, buffers_->due(), stopping_.due(), wall_clock_.due(now), reconnect_due_});
    if (config_.once_timeout) due = std::min(due, started_ + *config_.once_timeout);
    const bool files = now >= files_from_;
    if (!files) due = std::min(due, files_from_);
    const auto woken = events_.wait(now, due, files);
    if (woken.files) wake_pipes();
    if (woken.signal) hear(*woken.signal);
  }
}

void Run::look_at_wall_clock() {
  const auto time = wall_time_ns();
  if (time) wall_clock_.look(*time / 1'000'000);
  forwarder_->hold(wall_clock_.holds());
  sink_->set_time_of(wall_clock_.time_of());
}

// Memory that an outage or a burst has taken is not needed for long, neither by us nor by the
// client.
void Run::give_memory_back(TimePoint now) {
  if (now < memory_due_) return;
  memory_due_ = now + 1min;
  if (pool_.trim() > 0) ::malloc_trim(0);
}

// Each append comes as an event of its own. After one, the next are left to gather for a
// millisecond.
void Run::wake_pipes() {
  const auto changed = watch_.drain();
  if (changed) {
    buffers_->wake(*changed);
    files_from_ = clock_now() + 1ms;
    return;
  }
  files_from_ = clock_now() + 1s;  // it stays readable, and files are looked at each second anyway
  if (std::exchange(watch_failed_, true)) return;
  log_.error("{}; files are looked at each second", changed.error().message());
}

void Run::hear(int signal) {
  if (signal != SIGHUP) return stop();
  reconnect_failure_told_.clear();
  if (!settles_) reconnect();
}

// For brokers that have moved, and for passwords and certificates that were changed. All of the
// connection is made anew, since a file may hold something else under the same name.
void Run::reconnect() {
  reconnect_due_ = TimePoint::max();
  try {
    const auto wanted = reload_();
    const auto settings = kafka_settings(wanted, kafka_reading());
    const auto fit =
        settings ? check_kafka_properties(settings->properties, settings->hidden, settings->given)
                 : settings.error();
    if (!fit) return log_.error("SIGHUP: {}; going on as before", fit.error().message());
    for (const auto& key : changes_for_a_restart(config_, wanted))
      log_.warning("SIGHUP: {} is another now; that needs a restart", key);
    sink_->reconnect(*settings);
    log_.info("SIGHUP: trying a new connection to Kafka; until it stands the present one goes on");
  } catch (const SecretFileError& error) {
    reconnect_due_ = clock_now() + kReconnectPause;
    if (std::exchange(reconnect_failure_told_, error.what()) == error.what()) return;
    log_.error("SIGHUP: {}; going on as before, trying again each few seconds", error.what());
  } catch (const ConfigError& error) {
    log_.error("SIGHUP: {}; going on as before", error.what());
  }
}

void Run::tell(std::string_view state) {
  if (const auto told = tell_service_manager(state); !told) {
    log_.warning("{}", told.error().message());
  }
}

void Run::stop() {
  const bool is_second = stopping_.asked();
  stopping_.ask(clock_now());
  if (is_second) return;
  tell("STOPPING=1");
  metrics_.stopping = true;
  if (!stopping_.drains()) return settle();
  metrics_.draining = true;
  log_.info("stopping: sending what waits, for {} ms at most; a second signal ends that",
            std::chrono::duration_cast<milliseconds>(stopping_.patience()).count());
}

void Run::settle() {
  settles_ = true;
  reconnect_due_ = TimePoint::max();
  metrics_.draining = false;
  log_.info("stopping: waiting for what is in flight");
  forwarder_->stop();
}

bool Run::nothing_waits() {
  return forwarder_->drained() && !buffers_->has_unread() &&
         !buffers_->wake_grown_quarantines() && forwarder_->drained_by_files();
}

std::optional<ExitCode> Run::outcome(TimePoint now) {
  if (stopping_.asked()) return outcome_of_stop(now);
  if (!config_.once) return std::nullopt;
  if (buffers_->has_lost_one()) return ExitCode::temporary;
  const bool drained = forwarder_->drained() && !buffers_->has_rotated_left();
  if (drained && !buffers_->wake_grown_quarantines()) return once_outcome();
  if (config_.once_timeout && now >= started_ + *config_.once_timeout) {
    log_.error("Kafka has not taken everything within {} ms",
               milliseconds(*config_.once_timeout).count());
    return ExitCode::unavailable;
  }
  return outcome_of_refusal();
}

// With --once the run does not wait until a topic is mended.
std::optional<ExitCode> Run::outcome_of_refusal() {
  if (!forwarder_->all_drained_or_refused() || buffers_->has_rotated_left()) return std::nullopt;
  if (buffers_->wake_grown_quarantines()) return std::nullopt;
  for (std::size_t i = 0; i < forwarder_->pipes(); ++i) {
    const auto& pipe = forwarder_->pipe(i);
    if (pipe.is_refused()) {
      log_.error("{}: ends here, since its topic refuses each record that waits", pipe.path());
    }
  }
  return ExitCode::unavailable;
}

std::optional<ExitCode> Run::outcome_of_stop(TimePoint now) {
  if (stopping_.drains()) {
    if (!stopping_.ends_draining(now, nothing_waits())) return std::nullopt;
    settle();
  }
  if (!stopping_.is_over(now, forwarder_->settled())) return std::nullopt;
  if (!config_.once) return ExitCode::ok;
  return forwarder_->drained() ? once_outcome() : ExitCode::temporary;
}

ExitCode Run::once_outcome() const {
  for (std::size_t i = 0; i < forwarder_->pipes(); ++i) {
    auto& pipe = forwarder_->pipe(i);
    if (pipe.unfinished_bytes() == 0) continue;
    log_.warning("{}: the last line has no newline yet: {}", pipe.path(),
                 counted(pipe.unfinished_bytes(), "byte stays", "bytes stay"));
  }
  if (buffers_->has_untaken()) return ExitCode::temporary;
  const bool lost = std::any_of(
      metrics_.buffers.begin(), metrics_.buffers.end(), [](const auto& buffer) {
        return std::any_of(buffer.bytes_lost.begin(), buffer.bytes_lost.end(),
                           [](const auto& bytes) { return bytes.get() > 0; });
      });
  return lost || forwarder_->set_aside_records() > 0 ? ExitCode::data : ExitCode::ok;
}

// The last reports are taken before the buffers are finished: what they confirm is stored as done.
ExitCode Run::end(ExitCode code) {
  if (!settles_) forwarder_->stop();
  forwarder_->take_last_deliveries(clock_now());
  const bool saved = buffers_->finish(clock_now());
  for (const auto& buffer : metrics_.buffers) {
    log_.info("{}: {} confirmed, {} set aside, {} dropped, {} waiting", buffer.path,
              counted(buffer.records_confirmed.get(), "record"), sum_of(buffer.records_set_aside),
              buffer.records_dropped.get(), counted(buffer.waiting_bytes.get(), "byte"));
  }
  const bool all_sent = !tell_what_stays();
  if (!saved) return ExitCode::io;
  const bool was_to_drain = stopping_.asked() && config_.on_stop == OnStop::drain;
  const bool has_missed = config_.once && code == ExitCode::ok && buffers_->has_rotated_left();
  return (was_to_drain && !all_sent) || has_missed ? ExitCode::temporary : code;
}

bool Run::tell_what_stays() {
  bool any = buffers_->tell_of_unread();
  for (std::size_t i = 0; i < forwarder_->pipes(); ++i) {
    const auto& pipe = forwarder_->pipe(i);
    const auto& rest = pipe.rest();
    if (rest.bytes == 0) continue;
    any = true;
    log_.warning("{}: not delivered, stays in the buffer: {}{}, {}", pipe.path(),
                 rest.is_all ? "" : "at least ", counted(rest.records, "record"),
                 counted(rest.bytes, "byte"));
  }
  return any;
}

}  // namespace

ExitCode command_run(const Config& config, const Reload& reload, Log& log) {
  return Run(config, reload, log).go();
}

}  // namespace punchline
