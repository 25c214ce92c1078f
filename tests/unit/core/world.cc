#include "tests/unit/core/world.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "buffer/append_writer.h"
#include "buffer/stored_state.h"
#include "tests/support/catch.h"
#include "tests/support/memory_append_file.h"

namespace punchline::testing {
namespace {

constexpr std::size_t kRangesNeverForgotten = 1000;  // for the length of a life

}  // namespace

bool KeptLog::has(std::string_view part) const {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& line) { return line.find(part) != std::string::npos; });
}

Status KeptStore::add(const QuarantineLabel& label, std::string_view content) {
  if (fails_add) return Error(ErrorKind::no_space, 0, "store");
  fresh_.emplace_back(content);
  labels.push_back(label);
  return {};
}

Status KeptStore::sync() {
  if (fails_sync) {
    fresh_.clear();
    return Error(ErrorKind::io, 0, "store");
  }
  contents.insert(fresh_.begin(), fresh_.end());
  fresh_.clear();
  return {};
}

World::World(std::int32_t partitions, std::uint32_t seed) : sink(partitions, seed) {
  config.path = "world.buf";
  config.topic = "logs";
  config.stripe_bytes = 256;
}

void World::append(std::string_view payload) {
  remember(appended_, payload);
}

void World::append_undeliverable(std::string_view payload) {
  remember(undeliverable_, payload);
}

bool World::may_append_first() {
  if (format == Format::frames) return true;
  const auto text = file.text();
  return text.empty() || text.back() == '\n';
}

void World::remember(Known& as, std::string_view payload) {
  const auto bytes = bytes_of(payload);
  const auto room = own_offset ? bytes.size() : file.room_for(bytes.size());
  if (room < bytes.size()) return append_short(payload);
  if (own_offset && room_bytes > 0) make_room(bytes.size());
  const auto at = own_offset ? offset_ : file.size();
  auto& known = room_end_ < UINT64_MAX ? strays_ : as;
  auto& added = known[std::string(payload)];
  added = {Position(file.collapsed_bytes() + at), bytes, ++numbers_};
  // Where a collapse took its room away, NULs come before it, in lines a part of its line.
  const bool leaves_gap = format == Format::lines && at > file.size();
  if (&known == &strays_) added.required = is_room_known(added.position) && !leaves_gap;
  if (format == Format::frames && cuts_ > 0) {  // `punchline append` would be refused
    const auto standing = standing_format(file);
    REQUIRE((!standing || *standing != Format::lines));
  }
  append_raw(added.bytes);
}

// `punchline append` meets the full disk, and takes back what it has written of the record.
void World::append_short(std::string_view payload) {
  const MemoryFile::AsAnother another(file);
  const auto writer = AppendWriter::open(std::make_unique<MemoryAppendFile>(file), format);
  if (!writer) return;
  const auto record = record_of(payload);
  REQUIRE((format == Format::frames ? (*writer)->add(record) : (*writer)->add(payload)).ok());
  CHECK_FALSE((*writer)->flush().ok());
}

void World::append_raw(std::string_view bytes) {
  if (!own_offset) return file.producer_appends(bytes);
  if (room_bytes > 0) make_room(bytes.size());
  const bool shifted = std::exchange(collapsed_seen_, file.collapsed_bytes()) != collapsed_seen_;
  gaps_ += offset_ > file.size() || (room_bytes > 0 && shifted) ? 1 : 0;
  if (room_bytes > 0 && offset_ > file.size()) {  // short, so it may arrive so (FORMAT.md, "Limits")
    rests_.insert(std::string(offset_ - file.size(), '\0').append(bytes, 0, bytes.find('\n')));
  }
  if (room_bytes > 0) return put_in_room(bytes);
  file.producer_writes(offset_, bytes);
  offset_ += bytes.size();
}

FrameRecord World::record_of(std::string_view payload) const {
  FrameRecord record;
  record.payload = payload;
  record.timestamp_ms = time_ms;
  if (keyed) record.key = payload.substr(0, payload.find(' '));
  return record;
}

std::string World::bytes_of(std::string_view payload) {
  if (format == Format::lines) return std::string(payload) + "\n";
  std::string bytes;
  encode_frame(record_of(payload), frame_salt(file.inode(), file.birth_ns()), bytes);
  return bytes;
}

void World::open() {
  StartFacts facts;
  facts.boot = boot;
  facts.boot_time_ns = boot_time_ns_;
  facts.truncated = std::exchange(truncated_, false);
  room_passed_before_ = room_end_ < UINT64_MAX;
  ++starts_;
  std::memcpy(facts.fresh_uuid.data(), &starts_, sizeof starts_);
  checkpoint_ = std::make_unique<Checkpoint>(file, facts);
  REQUIRE(checkpoint_->start().ok());
  if (checkpoint_->state().uuid == facts.fresh_uuid) {
    REQUIRE((file.collapsed_bytes() == 0 || cuts_ > 0 || copies_ > 0 || !strays_.empty()));
    spread_changed_ = spread_changed_ || !strays_.empty();
    rebased_[facts.fresh_uuid] = file.collapsed_bytes();
  }
  started_at_.insert(checkpoint_->front() + rebased_[checkpoint_->state().uuid]);
  pool_ = std::make_unique<ChunkPool>(pool_bytes);
  forwarder_.reset();
  metrics_ = std::make_unique<Metrics>();
  auto& shown = metrics_->add_buffer(config.path, config.topic);
  forwarder_ = std::make_unique<Forwarder>(sink, *metrics_, log);
  losses_ = std::make_unique<LossAccount>(file, shown);
  add_pipe();
}

void World::add_pipe() {
  const auto owner = forwarder_->next_owner();
  forwarder_->add(std::make_unique<Pipe>(
      Pipe::Parts{file, *checkpoint_, sink, *pool_, metrics(), *losses_, log,
                  quarantines ? &store : nullptr, keys, old_keys, {},
                  has_reserve ? &reserve : nullptr},
      config, limits, owner, now_));
}

void World::truncate(std::uint64_t size) {
  file.truncate(size);
  pipe().wake();
  for (int i = 0; i < 5'000 && !pipe().is_due_anew(now_); ++i)
    turn();
  REQUIRE(pipe().is_due_anew(now_));
  pipe().give_up(LossReason::truncated);
  forwarder_->remove(pipe());
  StartFacts facts;
  facts.boot = boot;
  facts.truncated = true;
  ++starts_;
  std::memcpy(facts.fresh_uuid.data(), &starts_, sizeof starts_);
  checkpoint_ = std::make_unique<Checkpoint>(file, facts);
  REQUIRE(checkpoint_->start().ok());
  add_pipe();
}

void World::crash() {
  // What was on the wire when the process died may have arrived or not: a lost client.
  const auto moods = sink.moods;
  sink.moods.epoch_percent = 100;
  sink.moods.report_percent = 0;
  std::vector<Delivery> nobody_hears;
  std::vector<Notice> notices;
  sink.poll(nobody_hears, notices);
  sink.moods = moods;
  store.lose_unsynced();
  forwarder_.reset();
  checkpoint_.reset();
  pool_.reset();
  file.revive();
  if (room_bytes > 0 && !file.is_torn()) forgive_unknown_room();
}

void World::cut_power(Unsynced unsynced, std::mt19937& random) {
  forgive_unsynced(appended_);
  forgive_unsynced(undeliverable_);
  if (room_bytes > 0) forgive_unsynced(strays_);
  if (format == Format::lines) forgive_rest_after_fence();
  file.cut_power(unsynced, random);
  ++cuts_;
  reopen();
  ++boot;
  boot_time_ns_ = ++clock_ns_;
  if (room_bytes > 0) forgive_unknown_room();  // the note may be gone
}

void World::boot_after_torn_collapse() {
  ++boot;
  if (own_offset || begins_anew) ++torn_collapses_;
  reopen();
}

// Of a record that was written into room across a fence, what is after it may be all that outlives
// (FORMAT.md, "Limits"). A fence stands where the room ended once.
void World::forgive_rest_after_fence() {
  constexpr std::uint64_t kSectorBytes = 512;
  for (const auto& [payload, each] : appended_) {
    const auto end = room_ends_.upper_bound(each.position);
    if (end == room_ends_.end() || end->value() % kSectorBytes != 0) continue;
    const auto at = *end - each.position;
    if (at < payload.size()) rests_.insert(payload.substr(at));
  }
}

void World::forgive_unsynced(Known& known) {
  const auto& disk = file.durable();
  const auto text = disk.text();
  for (auto& [payload, each] : known) {
    if (!each.required || each.position < disk.collapsed_bytes) continue;
    const auto offset = each.position.value() - disk.collapsed_bytes;
    each.required =
        offset < text.size() && text.compare(offset, each.bytes.size(), each.bytes) == 0;
  }
}

void World::replace_by_copy() {
  ++clock_ns_;
  ++copies_;
  spread_changed_ = spread_changed_ || file.collapsed_bytes() > 0;
  file.set_inode(static_cast<std::uint64_t>(clock_ns_), clock_ns_);
}

void World::add_partition() {
  sink.set_partitions(sink.partitions() + 1);
  spread_changed_ = true;
}

void World::turn(int times) {
  for (; times > 0; --times) {
    now_ += std::chrono::milliseconds(1);
    turn_at_now();
    follow_truncation();
  }
}

// A turn with nothing to do is followed by another at a deadline, or when something happens.
TimePoint World::turn_at_now() {
  const auto due = forwarder_->turn(now_);
  REQUIRE(metrics_->idle_turns.get() == 0);
  return due;
}

void World::follow_truncation() {
  if (!begins_anew || file.is_dead() || !pipe().shrunk()) return;
  crash();
  file.heal();  // a start that fails is tried again, a story of its own
  truncated_ = true;
  open();
}

void World::drain(int turns_max) {
  for (int i = 0; i < turns_max; ++i) {
    now_ += std::chrono::milliseconds(1);
    const auto due = turn_at_now();
    follow_truncation();
    if (forwarder_->drained() && due > now_ + std::chrono::milliseconds(200)) return;
    if (due > now_ && sink.outstanding() == 0) now_ = std::max(now_, due);
  }
  FAIL("not drained after " << turns_max << " turns, front " << checkpoint_->front() << " of "
                            << file.size() << ", waiting " << metrics().waiting_bytes.get()
                            << ", in flight " << pipe().in_flight() << ", state "
                            << metrics().state.get() << ", drained " << forwarder_->drained()
                            << ", last said: " << (log.lines.empty() ? "" : log.lines.back()));
}

void World::stop() {
  forwarder_->stop();
  forwarder_->take_last_deliveries(now_);
  pipe().finish(now_);
}

void World::check_order(std::int32_t partition, std::unordered_set<std::string>& arrived) {
  std::uint64_t last = 0;
  for (const auto& record : sink.log(partition)) {
    const auto known = appended_.find(record.payload);
    INFO("arrived: " << record.payload);
    if (may_arrive(record.payload)) continue;
    REQUIRE(known != appended_.end());  // nothing invented
    INFO("at " << record.position << ", appended at " << known->second.position);
    REQUIRE(has_been_at(known->second, record.position));
    if (!arrived.insert(record.payload).second) continue;
    if (config.order == Order::strict && !spread_changed_) REQUIRE(known->second.number >= last);
    last = known->second.number;
  }
}

// A file that is begun anew counts from 0, whatever had been collapsed away.
bool World::has_been_at(const Appended& appended, Position position) const {
  const auto at = [&](const auto& beginning) {
    return position + beginning.second == appended.position;
  };
  return std::any_of(rebased_.begin(), rebased_.end(), at);
}

void World::check_all_arrived() {
  std::unordered_set<std::string> arrived;
  for (std::int32_t partition = 0; partition < sink.partitions(); ++partition) {
    check_order(partition, arrived);
  }
  std::uint64_t glued = 0;
  for (const auto& [payload, appended] : appended_) {
    if (!appended.required || arrived.count(payload) > 0) continue;
    INFO("missing: " << payload << " at " << appended.position);
    const bool in_its_place =
        format == Format::lines && may_glue() > 0 && file.text().find(payload) != std::string::npos;
    REQUIRE((is_set_aside(payload) || in_its_place));
    ++glued;
  }
  CHECK(glued <= may_glue());
}

// The logs only grow, so each record is looked at once.
void World::note_arrivals() {
  noted_.resize(static_cast<std::size_t>(sink.partitions()));
  for (std::int32_t partition = 0; partition < sink.partitions(); ++partition) {
    const auto& records = sink.log(partition);
    for (auto& at = noted_[static_cast<std::size_t>(partition)]; at < records.size(); ++at) {
      const auto known = appended_.find(records[at].payload);
      if (known != appended_.end()) known->second.arrived = true;
    }
  }
}

// With what it is glued to, durable in the store.
bool World::is_set_aside(const std::string& payload) const {
  if (format != Format::lines || may_glue() == 0) return false;
  return std::any_of(store.contents.begin(), store.contents.end(),
                     [&](const auto& content) { return content.find(payload) != content.npos; });
}

// As a start reads it: that of an earlier boot (on a full disk it may stand for long) only as far
// as it was synced.
Position World::standing_front() {
  const auto stored = read_stored_state(file);
  REQUIRE(stored.ok());
  if (!stored->exists) return 0;
  const auto& state = stored->state;
  const auto front = state.boot == boot ? state.front : std::min(state.front, state.synced);
  return front + rebased_[state.uuid];
}

void World::check_nothing_freed_early() {
  if (file.is_torn()) return;  // offsets mean nothing before the next start
  note_arrivals();
  const auto front = standing_front();
  const auto text = file.text();
  for (const auto& [payload, appended] : appended_) {
    if (appended.arrived || !appended.required) continue;
    if (is_set_aside(payload)) continue;
    INFO("not arrived: " << payload << " at " << appended.position << ", front " << front);
    REQUIRE(appended.position >= front);
    REQUIRE(appended.position >= file.collapsed_bytes());
    REQUIRE(text.compare(appended.position.value() - file.collapsed_bytes(), appended.bytes.size(),
                         appended.bytes) == 0);
  }
}

void World::check_set_aside_kept() {
  if (file.is_torn()) return;
  const auto text = file.text();
  for (const auto& [payload, appended] : undeliverable_) {
    if (!appended.required) continue;
    const auto position = appended.position;
    const auto& bytes = appended.bytes;
    const auto content = format == Format::lines ? payload : bytes;
    if (store.contents.count(content) > 0 || is_set_aside(payload))
      continue;  // with what it is glued to
    INFO("set aside: " << payload.substr(0, 20) << " at " << position);
    REQUIRE(position >= file.collapsed_bytes());
    REQUIRE(text.compare(position.value() - file.collapsed_bytes(), bytes.size(), bytes) == 0);
  }
}

void World::check_honest() {
  CHECK(metrics().records_unsettled.get() <= metrics().records_read.get());
  if (below_offset_ > 0) return;  // what was written over became other records
  // What was written into room of which the ledger has forgotten that it was passed is delivered,
  // by the pass of a lane that fell behind, and was not counted as read.
  if (!strays_.empty() && limits.ranges_max < kRangesNeverForgotten) return;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  for (const auto& each : metrics().records_set_aside)
    records += each.get();
  for (const auto& each : metrics().bytes_set_aside)
    bytes += each.get();
  CHECK(metrics().records_read.get() == metrics().records_confirmed.get() +
                                            metrics().records_unsettled.get() +
                                            metrics().records_gone() + records);
  CHECK(metrics().bytes_read.get() == metrics().bytes_confirmed.get() +
                                          metrics().bytes_unsettled.get() +
                                          metrics().bytes_gone() + bytes);
}

std::uint64_t World::duplicates() const {
  std::unordered_set<std::string> arrived;
  std::uint64_t count = 0;
  for (std::int32_t partition = 0; partition < sink.partitions(); ++partition) {
    for (const auto& record : sink.log(partition)) {
      if (!arrived.insert(record.payload).second) ++count;
    }
  }
  return count;
}

void append_many(World& world, int from, int count) {
  for (int i = from; i < from + count; ++i) {
    world.append("record " + std::to_string(i) + std::string(50, '.'));
  }
}

std::uint64_t set_aside(World& world, SetAsideReason reason) {
  return world.metrics().records_set_aside[static_cast<std::size_t>(reason)].get();
}

}  // namespace punchline::testing
