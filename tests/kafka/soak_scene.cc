#include "tests/kafka/soak_scene.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <stdexcept>

#include <signal.h>
#include <unistd.h>

#include "buffer/posix_file.h"
#include "buffer/quarantine.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/frames.h"
#include "tests/support/kcat.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kPatience{240};
constexpr milliseconds kWatchEvery{250};
constexpr std::uint64_t kEndless = 100'000'000;  // lines; the producer is stopped
constexpr std::uint64_t kLinesPerSecond = 500;   // of each producer in lines
constexpr std::uint64_t kFramesPerSecond = 250;
constexpr std::size_t kPoisonBytes = 250'000;
constexpr std::uint64_t kRequestRecords = 200;
constexpr std::uint64_t kUnfreedBytesMax = 1ULL << 20;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kRssBytesMax = 2ULL << 30;
#else
// Some 15 MiB from the start, 16 of chunks (chunk_bytes_max), and clients of a few each.
constexpr std::uint64_t kRssBytesMax = 64ULL << 20;
#endif
// 30 of its own, and for each of at most six clients (main and side, and two each that are dying)
// connections to three brokers and some pipes and eventfds.
constexpr std::size_t kDescriptorsMax = 30 + 6 * 20;

std::string quoted(const std::string& text) {
  return '"' + text + '"';
}

// Admin requests find a cluster that has just been in trouble.
void insist(const std::string& what, const std::function<void()>& request) {
  std::string why;
  const bool done = eventually(kPatience, [&] {
    try {
      request();
      return true;
    } catch (const std::runtime_error& error) {
      why = error.what();
      return false;
    }
  });
  if (!done) throw std::runtime_error(what + ": " + why);
}

std::string time_of_day() {
  const auto now = std::chrono::system_clock::now();
  const auto whole = std::chrono::system_clock::to_time_t(now);
  const auto ms = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count() % 1'000;
  std::tm parts{};
  localtime_r(&whole, &parts);
  std::array<char, 32> text{};
  const auto used = std::strftime(text.data(), text.size(), "%H:%M:%S", &parts);
  std::snprintf(text.data() + used, text.size() - used, ".%03d", static_cast<int>(ms));
  return text.data();
}

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    std::uint64_t kib = 0;
    if (word == "VmRSS:" && status >> kib) return kib * 1024;
  }
  return 0;
}

std::size_t descriptors(pid_t pid) {
  const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Of one buffer: 1.25 requests for each partition, and at most four besides (LaneWindow, W2).
std::uint64_t in_flight_max(const SoakScene::Buffer& buffer) {
  constexpr auto kLaneRecordsMax = kRequestRecords + kRequestRecords / 4 + 4 * kRequestRecords;
  return static_cast<std::uint64_t>(buffer.partitions) * kLaneRecordsMax;
}

std::string reason_of(const FrameSeen& record) {
  for (const auto& [name, value] : record.headers) {
    if (name == "punchline.reason") return value.value_or("");
  }
  return "";
}

}  // namespace

SoakScene::SoakScene()
    : diary_folder_(std::filesystem::temp_directory_path() /
                    ("punchline-soak-" + std::to_string(getpid()))),
      kafka_({.brokers = 3, .doors = true}),
      proxy_(kafka_.doors()) {
  std::filesystem::remove_all(diary_folder_);
  std::filesystem::create_directories(diary_folder_);
  diary_.open(diary_folder_ / "what-happened");
  buffers_ = {{.name = "soak-lines", .partitions = 3},
              {.name = "soak-frames", .partitions = 4, .is_frames = true},
              {.name = "soak-relaxed", .partitions = 2, .is_relaxed = true}};
  for (auto& buffer : buffers_) {
    buffer.path = folder_.file(buffer.name);
    kafka_.create_topic(buffer.name, buffer.partitions,
                        {{"max.message.bytes", std::to_string(kMessageBytesMax)}});
  }
  write_config();
  start_agent();
  start_producers();
}

SoakScene::~SoakScene() {
  agent_.reset();
  if (keep_) {
    for (int broker = 0; broker < 3; ++broker)
      write_file(diary_folder_ / ("broker-" + std::to_string(broker)), kafka_.words(broker));
    std::cout << "What happened, and the logs: " << diary_folder_ << std::endl;
  } else {
    std::filesystem::remove_all(diary_folder_);
  }
}

// Small stripes, so that all partitions have something under way; small requests, so that there are
// several.
void SoakScene::write_config() const {
  std::string text;
  for (const auto& buffer : buffers_) {
    text += (text.empty() ? R"({"buffers": [)" : ",\n") + std::string(R"({"path": )") +
            quoted(buffer.path) + R"(, "topic": )" + quoted(buffer.name) +
            R"(, "stripe_bytes": 8192, "collapse_bytes_min": 1048576, "unfreed_bytes_max": )" +
            std::to_string(kUnfreedBytesMax) +
            (buffer.is_relaxed ? R"(, "order": "relaxed"})" : "}");
  }
  text += R"(], "kafka": {"bootstrap.servers": )" + quoted(kafka_.bootstrap_by_doors()) +
          R"(, "batch.num.messages": )" + std::to_string(kRequestRecords) +
          R"(, "socket.timeout.ms": 4000, "request.timeout.ms": 3000},
 "http": {"listen": "127.0.0.1:0"}, "log_level": "debug"})";
  write_file(folder_.file("config"), text);
}

void SoakScene::start_producers() {
  const auto number = [this] { return static_cast<std::uint32_t>(producers_.size()); };
  for (auto& buffer : buffers_) {
    for (const char* key : {"alpha", "beta", "gamma", ""}) {
      if (!buffer.is_frames) break;
      Victim::Setup setup{.kind = Victim::Kind::frames,
                          .buffer = buffer.path,
                          .lines_per_second = kFramesPerSecond};
      if (*key != '\0') setup.key = key;
      buffer.victims.push_back(number());
      victims_.push_back(std::make_unique<Victim>(corpus_, number(), setup));
      producers_.push_back(nullptr);
    }
    for (int i = 0; i < 2 && !buffer.is_frames; ++i) {
      buffer.producers.push_back(number());
      producers_.push_back(std::make_unique<Producer>(
          corpus_, number(), buffer.path,
          Producer::Load{.lines = kEndless, .lines_per_second = kLinesPerSecond}));
      victims_.push_back(nullptr);
    }
  }
}

void SoakScene::tell(const std::string& text) {
  std::array<char, 32> at{};
  std::snprintf(at.data(), at.size(), "%7.1f s ", elapsed().count());
  const auto line = at.data() + time_of_day() + "  " + text;
  std::cout << line << std::endl;
  diary_ << line << std::endl;
}

// Its log goes into the diary as it is written.
void SoakScene::start_agent() {
  auto command = punchline({"run", "-c", folder_.file("config")});
  command.stderr_path = diary_folder_ / ("agent-" + std::to_string(++lives_));
  agent_.emplace(buffers_.front().path, command);
  (void)agent_->page("/healthz");  // it has come up
}

// A moment before its end it has told what it had sent again and what is not done, and just behind
// it the buffer says what the next one takes up again.
template <class End>
void SoakScene::end_life(End end) {
  watch();
  std::vector<std::uint64_t> undone;
  for (auto& buffer : buffers_) {
    buffer.duplicates_max += sent_again_max(buffer);
    undone.push_back(static_cast<std::uint64_t>(figure(buffer, "punchline_waiting_bytes")));
  }
  clients_lost_ += clients_lost();
  end();
  for (std::size_t i = 0; i < buffers_.size(); ++i)
    buffers_[i].duplicates_max += taken_up_again_max(buffers_[i], undone[i]);
  agent_.reset();
}

void SoakScene::kill_agent() {
  end_life([this] { agent_->kill9(); });
}

void SoakScene::stop_agent() {
  end_life([this] { CHECK(agent_->stop(kPatience).code == 0); });
}

void SoakScene::freeze_agent() {
  agent_->process().signal(SIGSTOP);
  is_frozen_ = true;
}

void SoakScene::thaw_agent() {
  agent_->process().signal(SIGCONT);
  is_frozen_ = false;
}

void SoakScene::reload_agent() {
  agent_->process().signal(SIGHUP);
}

void SoakScene::append_poison(std::size_t buffer) {
  auto& one = buffers_.at(buffer);
  auto text = "poison-" + std::to_string(one.poison.size()) + "-";
  text.resize(kPoisonBytes, 'p');
  one.poison.push_back(text + ".");
  const auto file = folder_.file("poison");
  write_file(file, one.poison.back() + "\n");
  auto command = punchline({"append", one.path, "--format", one.is_frames ? "frames" : "lines"});
  command.stdin_path = file;
  const auto appended = run(command);
  INFO(appended.err);
  REQUIRE(appended.exit.code == 0);
}

void SoakScene::kill_producer(std::mt19937_64& random) {
  const auto& all = buffers_[1].victims;
  victims_[all[between(random, 0, all.size() - 1)]]->kill9(random, between(random, 0, 1) == 0);
}

void SoakScene::add_partition(std::size_t buffer) {
  auto& one = buffers_.at(buffer);
  if (one.partitions == kPartitionsMax) return;
  ++one.partitions;
  insist("add partitions", [&] {
    const auto there = topic_state(kafka_.bootstrap(), one.name).leaders.size();
    if (there < static_cast<std::size_t>(one.partitions))
      kafka_.add_partitions(one.name, one.partitions);
  });
  reload_agent();  // it asks once a minute otherwise
}

void SoakScene::alter_topics(const TopicConfig& changes) {
  for (const auto& buffer : buffers_)
    insist("alter topic", [&] { kafka_.alter_topic(buffer.name, changes); });
}

void SoakScene::limit_clients(std::uint64_t bytes_per_second) {
  insist("quota", [&] { kafka_.limit_clients(bytes_per_second); });
}

void SoakScene::watch() {
  if (!agent_) return;
  if (!agent_->process().running()) FAIL("the agent has ended by itself:\n" << agent_->log());
  const auto pid = agent_->process().pid();
  const auto rss = resident_bytes(pid);
  const auto open = descriptors(pid);
  rss_bytes_max_ = std::max(rss_bytes_max_, rss);
  descriptors_max_ = std::max(descriptors_max_, open);
  REQUIRE(rss <= kRssBytesMax);
  REQUIRE(open <= kDescriptorsMax);
}

void SoakScene::wait(milliseconds time) {
  const auto until = Clock::now() + time;
  for (watch(); Clock::now() < until; watch())
    pause_until(std::min(until, Clock::now() + kWatchEvery));
}

double SoakScene::figure(const Buffer& buffer, const std::string& name) {
  return agent_->metric(name, "buffer=" + quoted(buffer.path));
}

// The file may be collapsed between two looks.
std::uint64_t SoakScene::end_position(const Buffer& buffer) {
  for (;;) {
    const auto base = figure(buffer, "punchline_base_position");
    const auto bytes = std::filesystem::file_size(buffer.path);
    if (figure(buffer, "punchline_base_position") == base)
      return static_cast<std::uint64_t>(base) + bytes;
  }
}

void SoakScene::goes_on() {
  std::vector<std::uint64_t> ends;
  for (const auto& buffer : buffers_)
    ends.push_back(end_position(buffer));
  const bool on = eventually(kPatience, [&] {
    wait(kWatchEvery);
    for (std::size_t i = 0; i < buffers_.size(); ++i) {
      const auto front = figure(buffers_[i], "punchline_front_position");
      if (front < static_cast<double>(ends[i])) return false;
    }
    return true;
  });
  if (!on) FAIL("it does not go on:\n" << agent_->page("/status"));
}

bool SoakScene::is_drained() {
  return std::all_of(buffers_.begin(), buffers_.end(), [this](const Buffer& buffer) {
    // In this order: what waits counts only once the agent has seen the whole file.
    return figure(buffer, "punchline_logical_bytes") ==
               static_cast<double>(std::filesystem::file_size(buffer.path)) &&
           figure(buffer, "punchline_waiting_bytes") == 0;
  });
}

std::uint64_t SoakScene::clients_lost() {
  return static_cast<std::uint64_t>(agent_->metric("punchline_kafka_instances_renewed_total"));
}

// In a life a record comes twice only if it was sent again: after a report that does not say that
// it was persisted, or without one where a client was lost with what was in flight.
std::uint64_t SoakScene::sent_again_max(const Buffer& buffer) {
  const auto again = figure(buffer, "punchline_records_resent_total");
  const auto errors = figure(buffer, "punchline_kafka_errors_total");
  diary_ << buffer.name << ": " << again << " sent again, " << errors << " reports of errors, "
         << clients_lost() << " clients lost" << std::endl;
  return std::min(static_cast<std::uint64_t>(again),
                  static_cast<std::uint64_t>(errors) + clients_lost() * in_flight_max(buffer));
}

// The next life repeats what was in flight at the end of this one, and what is confirmed above the
// front and not freed yet: what waits without being `undone`, and at most half of
// unfreed_bytes_max, since then all is freed. As much as can be in flight may have been confirmed
// since `undone` was told.
std::uint64_t SoakScene::taken_up_again_max(const Buffer& buffer, std::uint64_t undone) {
  const auto there = inspect(buffer.path);
  const auto done = there.waiting_bytes - std::min(there.waiting_bytes, undone);
  if (there.waiting_records == 0) return 0;
  const auto record_bytes = std::max<std::uint64_t>(1, there.waiting_bytes / there.waiting_records);
  const auto repeated = std::min(done, kUnfreedBytesMax / 2) / record_bytes;
  return std::min(there.waiting_records, 2 * in_flight_max(buffer) + repeated);
}

std::string SoakScene::bounds_text() const {
  return std::to_string(rss_bytes_max_ >> 20) + " MiB resident and " +
         std::to_string(descriptors_max_) + " descriptors at most, " + std::to_string(lives_) +
         " lives, " + std::to_string(clients_lost_) + " clients lost";
}

std::vector<SoakAccount> SoakScene::close() {
  for (const auto& producer : producers_) {
    if (producer) producer->stop();
  }
  for (std::size_t number = 0; number < producers_.size(); ++number) {
    if (producers_[number]) {
      const auto lines = producers_[number]->join().size();
      written_.push_back({.fates = std::vector<Written::Fate>(lines, Written::Fate::whole)});
    } else {
      victims_[number]->finish();
      written_.push_back(victims_[number]->written());
    }
  }
  const bool drained = eventually(kPatience, [this] {
    watch();
    return is_drained();
  });
  if (!drained) FAIL("it does not drain:\n" << agent_->page("/status"));
  stop_agent();
  const auto once = run(punchline({"run", "-c", folder_.file("config"), "--once"}), kPatience);
  INFO(once.err);
  CHECK(once.exit.code == 0);
  const TempDir folder("soak-topics");
  std::vector<SoakAccount> accounts;
  for (const auto& buffer : buffers_) {
    kafka_.await_in_sync(buffer.name);
    accounts.push_back(account_of(buffer, folder));
  }
  return accounts;
}

SoakAccount SoakScene::account_of(const Buffer& buffer, const TempDir& folder) {
  SoakAccount account;
  std::vector<Written> written(written_.size());  // other buffers' lines are nothing here
  for (const auto number : buffer.producers) {
    written[number] = written_[number];
    written[number].in_order = !buffer.is_relaxed;
  }
  for (const auto number : buffer.victims) {
    written[number] = written_[number];
    account.torn += victims_[number]->torn();
  }
  account.lines =
      settle(corpus_, written,
             read_topic(kafka_.bootstrap(), buffer.name, buffer.partitions, folder.path()));
  account.duplicates_max = buffer.duplicates_max;
  account.waiting_records = inspect(buffer.path).waiting_records;
  account.verified = run(punchline({"verify", buffer.path})).exit.code;
  look_into_quarantine(buffer, account);
  return account;
}

void SoakScene::look_into_quarantine(const Buffer& buffer, SoakAccount& account) const {
  account.poison = buffer.poison.size();
  std::vector<std::uint64_t> times(buffer.poison.size());
  const auto path = quarantine_path(buffer.path);
  if (std::filesystem::exists(path)) {
    const auto file = PosixFile::open(path);
    if (!file.ok()) throw std::runtime_error(file.error().message());
    const auto seen = read_frames(**file, {kQuarantineRecordBytesMax, {}, {}});
    account.torn_kept += seen.set_aside();  // the agent was killed while it wrote there
    for (const auto& record : seen.records) {
      // In frames it is the whole frame that is kept.
      const auto which =
          std::find_if(buffer.poison.begin(), buffer.poison.end(), [&](const std::string& poison) {
            return buffer.is_frames ? record.payload.find(poison) != std::string::npos
                                    : record.payload == poison;
          });
      const auto reason = reason_of(record);
      if (which != buffer.poison.end() && reason == "refused") {
        ++times[static_cast<std::size_t>(which - buffer.poison.begin())];
      } else if (buffer.is_frames && (reason == "torn" || reason == "damaged")) {
        ++account.torn_kept;
      } else {
        ++account.others_kept;
      }
    }
  }
  for (const auto count : times) {
    account.poison_missing += count == 0 ? 1 : 0;
    account.poison_twice += count > 1 ? count - 1 : 0;
  }
}

}  // namespace punchline::testing
