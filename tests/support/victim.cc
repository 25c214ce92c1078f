#include "tests/support/victim.h"

#include <algorithm>
#include <stdexcept>

#include "buffer/frame.h"
#include "tests/support/program.h"
#include "tests/support/seed.h"

namespace punchline::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Fate = Written::Fate;

constexpr milliseconds kPause{20};  // between two batches
constexpr std::uint64_t kRushLines = 400;

Command command_of(const Victim::Setup& setup) {
  Command command{.argv = {PUNCHLINE_LINE_WRITER, setup.buffer}};
  if (setup.kind == Victim::Kind::lines) command = punchline({"append", setup.buffer});
  if (setup.kind == Victim::Kind::frames) {
    command = punchline({"append", setup.buffer, "--format", "frames"});
    if (setup.key) command.argv.insert(command.argv.end(), {"--key", *setup.key});
  }
  command.stdin_path.clear();
  return command;
}

}  // namespace

Victim::Victim(const LogCorpus& corpus, std::uint32_t number, Setup setup)
    : corpus_(corpus), number_(number), setup_(std::move(setup)) {
  written_.has_key = setup_.key.has_value();
  start();
}

Victim::~Victim() {
  if (feeder_.joinable()) end_life(true);
}

void Victim::start() {
  fed_ = {written_.fates.size(), {}};
  stop_ = rush_ = false;
  process_.emplace(command_of(setup_));
  feeder_ = std::thread([this] { feed(); });
}

std::uint64_t Victim::record_bytes(std::size_t payload_bytes) const {
  if (setup_.kind != Kind::frames) return payload_bytes + 1;
  return payload_bytes + kFrameOverheadBytes + (setup_.key ? setup_.key->size() : 0);
}

void Victim::feed_batch(std::uint64_t lines) {
  std::string text;
  for (; lines > 0; --lines) {
    const auto before = text.size();
    corpus_.append_line({number_, fed_.first + fed_.ends.size()}, text);
    const auto begin = fed_.ends.empty() ? 0 : fed_.ends.back();
    fed_.ends.push_back(begin + record_bytes(text.size() - before - 1));
  }
  process_->send(text);
}

void Victim::feed() {
  const auto steady = setup_.lines_per_second * kPause.count() / 1000;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    const auto lines = rush_ ? kRushLines : std::max<std::uint64_t>(1, steady);
    lock.unlock();
    try {
      feed_batch(lines);
    } catch (const std::runtime_error&) {
      return;  // it has been killed: nobody reads the pipe
    }
    lock.lock();
    told_.wait_for(lock, kPause, [this] { return stop_ || rush_; });
  }
}

Exit Victim::end_life(bool killed) {
  if (killed) process_->kill9();
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  told_.notify_all();
  feeder_.join();
  process_->close_input();
  return process_->finish(seconds(60));
}

void Victim::kill9(std::mt19937_64& random, bool in_a_rush) {
  if (in_a_rush) {
    {
      const std::lock_guard lock(mutex_);
      rush_ = true;
    }
    told_.notify_all();
    pause_until(Clock::now() + microseconds(between(random, 100, 4'000)));
  }
  if (!process_->running()) throw std::runtime_error("it ended by itself: " + process_->err());
  const auto exit = end_life(true);
  // Each write of `append` in lines begins with a newline of its own.
  const auto leading = setup_.kind == Kind::lines ? exit.writes : 0;
  settle(exit.bytes_written - std::min(exit.bytes_written, leading));
  start();
}

void Victim::finish() {
  const auto exit = end_life(false);
  if (exit.code != 0) throw std::runtime_error(process_->title() + ": " + process_->err());
  const auto leading = setup_.kind == Kind::lines ? exit.writes : 0;
  const auto whole = fed_.ends.empty() ? 0 : fed_.ends.back();
  if (exit.bytes_written - leading != whole)
    throw std::runtime_error(process_->title() + ": the kernel counts otherwise than we");
  settle(whole);
}

// `bytes` of what was fed stand in the file.
void Victim::settle(std::uint64_t bytes) {
  const auto whole = static_cast<std::size_t>(
      std::upper_bound(fed_.ends.begin(), fed_.ends.end(), bytes) - fed_.ends.begin());
  written_.fates.resize(fed_.first + whole, Fate::whole);
  written_.fates.resize(fed_.first + fed_.ends.size(), Fate::absent);
  const auto begin = whole == 0 ? 0 : fed_.ends[whole - 1];
  if (bytes == begin || whole == fed_.ends.size()) return;
  ++torn_;
  if (setup_.kind == Kind::frames) return;
  // Killed before it wrote anything a writer of lines has a leading newline less than we count.
  if (bytes + 1 == fed_.ends[whole]) written_.fates[fed_.first + whole] = Fate::perhaps;
  written_.torn.push_back(corpus_.line({number_, fed_.first + whole}).substr(0, bytes - begin));
}

}  // namespace punchline::testing
