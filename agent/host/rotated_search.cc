#include "agent/host/rotated_search.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "agent/host/last_look.h"
#include "buffer/base/counted.h"
#include "buffer/base/timestamp.h"
#include "buffer/lock_file.h"
#include "buffer/stored_state.h"
#include "buffer/wall_time.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLookAgainDelay = 5s;

bool holds_something(const std::string& path) {
  const auto file = PosixFile::open(path);
  const auto left = file ? bytes_behind_front(**file) : file.error();
  return left && *left > 0;
}

}  // namespace

bool RotatedSearch::Waiting::has_moved() const {
  const auto now = file_id(path);
  return now ? *now != id : errno == ENOENT;
}

// The lock file of a quarantine is that of its buffer, so no look is noted for it.
RotatedSearch::RotatedSearch(const BufferConfig& config, const Config& all, Log& log)
    : config_(config), all_(all), log_(log), is_quarantine_(is_quarantine(config)) {}

void RotatedSearch::look(const std::set<FileId>& known, std::optional<struct timespec> opened) {
  if (is_quarantine_) return;
  if (opened) looked_ = opened;
  // Another folder may have been mounted there since, with a lock file of its own.
  const auto folder = file_id(folder_of(config_.path));
  if (!seen_ || seen_->first != folder || !seen_->second || !*seen_->second)
    seen_ = {folder, last_look(LockFile::path_for(config_.path))};
  auto& seen = seen_->second;
  auto found = find_rotated(config_, all_, seen);
  std::erase_if(found, [&](const auto& each) { return each.id && known.count(*each.id) > 0; });
  for (const auto& each : found) {
    if (each.verdict == Verdict::to_forward) {
      waiting_.push_back({each.path, *each.id, each.is_empty,
                          LockRequest(LockFile::path_for(config_.path))});
    }
  }
  put_in_order();
  tell_of_closed(found);
  tell_of_unknown(found);
  std::erase_if(found, [&](const auto& each) {  // each file once, whatever names it has had
    return is_to_be_named(each.verdict) && each.id && !named_.insert(*each.id).second;
  });
  tell_of_archives(config_, found, log_);
  // All that was there until now has been judged as well as it can be.
  if (!seen || *seen || !opened) return;
  const auto opened_ns = nanoseconds(*opened);
  if (can_be_now(opened_ns / 1'000'000)) seen = LastLook(opened_ns);
}

void RotatedSearch::tell_of_closed(const std::vector<FoundBeside>& found) {
  for (const auto& each : found) {
    if (each.verdict != Verdict::closed || !untaken_.insert(each.path).second) continue;
    log_.error("{}: {} may have been this buffer, and is not forwarded: {}. Let the agent read and "
               "write it, and restart it",
               config_.path, each.path, each.why);
  }
}

void RotatedSearch::tell_of_unknown(const std::vector<FoundBeside>& found) {
  std::set<std::string> unknown;
  for (const auto& each : found) {
    if (each.verdict != Verdict::unknown) continue;
    unknown.insert(each.path);
    if (unknown_.count(each.path) > 0) continue;
    log_.error("{}: whether it was rotated, and something of it is left, cannot be seen: {}; "
               "looking again each {} s",
               config_.path, each.why, kLookAgainDelay / 1s);
  }
  unknown_ = std::move(unknown);
}

// Files that hold something come first. An empty one is only kept for what a producer may still
// write to it, perhaps for ever.
void RotatedSearch::put_in_order() {
  std::stable_partition(waiting_.begin(), waiting_.end(),
                        [](const auto& file) { return !file.is_empty; });
}

std::vector<RotatedSearch::Waiting> RotatedSearch::take_moved() {
  for (auto& file : waiting_)
    if (file.is_empty) file.is_empty = !holds_something(file.path);
  put_in_order();
  const auto moved = std::stable_partition(waiting_.begin(), waiting_.end(),
                                           [](const auto& file) { return !file.has_moved(); });
  std::vector<Waiting> taken(std::make_move_iterator(moved),
                             std::make_move_iterator(waiting_.end()));
  waiting_.erase(moved, waiting_.end());
  return taken;
}

void RotatedSearch::tell_of_gone(const Waiting& file) {
  log_.error("{}: {} was this buffer, and was deleted or moved elsewhere before its turn came: what "
             "it held is lost if it has no other name; find it, and forward it with run --once -b",
             config_.path, file.path);
}

void RotatedSearch::set_taken(const std::string& path, bool is_taken) {
  if (is_taken)
    untaken_.erase(path);
  else
    untaken_.insert(path);
}

void RotatedSearch::note(bool is_rest_safe) {
  is_unnoted_ = false;
  if (is_quarantine_ || !looked_) return;
  if (has_unknown() || !rest().empty() || !waiting_.empty() || !is_rest_safe) {
    is_unnoted_ = true;
    return;
  }
  const auto counts = note_look(LockFile::path_for(config_.path), *looked_);
  if (seen_) seen_->second = counts;
}

void RotatedSearch::forget_look() {
  looked_.reset();
  is_unnoted_ = false;
}

bool RotatedSearch::is_due_again(TimePoint now) {
  if (!has_unknown() || now < again_due_) return false;
  again_due_ = now + kLookAgainDelay;
  return true;
}

bool RotatedSearch::tell_of_rest() const {
  const auto left = rest();
  if (!left.empty()) {
    log_.warning("{}: not delivered, stays in {}, {}{}: the next start looks for it", config_.path,
                 counted(left.size(), "rotated file"), left.front(),
                 left.size() > 1 ? " to " + left.back() : "");
  }
  if (has_unknown()) {
    log_.warning("{}: whether something of it stays in {} is not known: the next start looks again",
                 config_.path, *unknown_.begin());
  }
  return has_unknown() || !left.empty();
}

/// The files that were not taken, and those that could not be.
std::vector<std::string> RotatedSearch::rest() const {
  std::vector<std::string> paths(untaken_.begin(), untaken_.end());
  for (const auto& file : waiting_)
    if (!file.is_empty) paths.push_back(file.path);
  return paths;
}

}  // namespace punchline
