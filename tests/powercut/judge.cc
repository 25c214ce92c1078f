#include "tests/powercut/judge.h"

#include <algorithm>
#include <limits>
#include <set>
#include <sstream>

namespace punchline::testing {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::size_t kExampleBytes = 100;

std::string example(const std::string& text) {
  std::string shown;
  for (const char c : text.substr(0, kExampleBytes))
    shown += c == '\0' ? '~' : c;
  return std::to_string(text.size()) + " bytes: " + shown;
}

bool holds(const std::vector<std::string>& texts, const std::string& part) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return text.find(part) != std::string::npos; });
}

}  // namespace

struct Judge::Cut {
  std::int64_t time_ns = 0;
  const Durable* durable = nullptr;
  const NextLife& life;
  const Aftermath& found;
  std::set<RecordId> arrived = {};
  std::vector<std::string> glued = {};  // delivered text that is not one record
  Verdict verdict = {};

  void accuse(const std::string& sentence) { verdict.wrong.push_back(sentence); }
};

Judge::Judge(const Recording& recording, const DiskLog& log, const std::vector<Arrival>& first_life)
    : recording_(recording), log_(log) {
  for (const auto& begun : recording.begun_ns)
    delivered_ms_.emplace_back(begun.size(), kNever);
  std::size_t entries = 0;
  for (const auto& entry : log.entries()) {
    ++entries;
    if (entry.action == DiskAction::mark) take_mark(entries, entry.data);
  }
  for (const auto& arrival : first_life) {
    const auto id = proved_id(arrival.payload);
    if (!id || !was_begun(*id, kNever)) {
      wrong_before_.push_back("the first life invented " + example(arrival.payload));
      continue;
    }
    auto& time = delivered_ms_[id->producer][id->number];
    time = std::min(time, arrival.time_ms);
  }
}

void Judge::take_mark(std::size_t entries, std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string what;
  words >> what;
  if (what == "begin") begin_ = entries;
  if (what == "end") end_ = entries;
  if (what != "durable") return;
  Durable durable{.entries = entries, .buffer_bytes = 0, .records = {}};
  words >> durable.buffer_bytes;
  for (std::uint64_t count = 0; words >> count;)
    durable.records.push_back(count);
  // Two producers sync at once: what the earlier mark said stays true.
  for (std::size_t at = 0; !durable_.empty() && at < durable.records.size(); ++at)
    durable.records[at] = std::max(durable.records[at], durable_.back().records[at]);
  durable_.push_back(std::move(durable));
}

bool Judge::was_begun(RecordId id, std::int64_t time_ns) const {
  return id.producer < recording_.begun_ns.size() &&
         id.number < recording_.begun_ns[id.producer].size() &&
         recording_.begun_ns[id.producer][id.number] <= time_ns;
}

Verdict Judge::judge(std::size_t entries, const NextLife& life, const Aftermath& found) const {
  Cut cut{.time_ns = log_.entries()[entries - 1].time_ns, .life = life, .found = found};
  const auto behind =
      std::upper_bound(durable_.begin(), durable_.end(), entries,
                       [](std::size_t moment, const Durable& it) { return moment < it.entries; });
  if (behind != durable_.begin()) cut.durable = &*std::prev(behind);
  if (!found.trouble.empty()) cut.accuse(found.trouble);
  if (!found.state_is_sound) cut.accuse("the state attribute does not check");
  for (const auto& arrival : found.arrivals)
    judge_arrival(cut, arrival);
  judge_durable(cut);
  judge_new(cut);
  judge_front(cut);
  return std::move(cut.verdict);
}

void Judge::judge_arrival(Cut& cut, const Arrival& arrival) const {
  const auto id = proved_id(arrival.payload);
  if (!id) return judge_unproved(cut, arrival.payload);
  const auto is_in = [&](const std::vector<RecordId>& ids) {
    return std::find(ids.begin(), ids.end(), *id) != ids.end();
  };
  const bool is_new = is_in(cut.found.before) || is_in(cut.found.after);
  if (!is_new && !was_begun(*id, cut.time_ns)) {
    return cut.accuse("arrived and was not appended: " + example(arrival.payload));
  }
  const bool first = cut.arrived.insert(*id).second;
  const bool before = !is_new && delivered_ms_[id->producer][id->number] <= cut.time_ns / kNsPerMs;
  if (!first || before) ++cut.verdict.duplicates;
}

// In lines, where producers came before the fence, a torn tail may be delivered, alone or with the
// record that it was glued to.
void Judge::judge_unproved(Cut& cut, const std::string& text) const {
  bool explained = is_beginning(text);
  for (const auto& id : cut.found.before) {
    const auto record = record_text(id);
    explained = explained || (text.ends_with(record) &&
                              is_beginning(text.substr(0, text.size() - record.size())));
  }
  cut.glued.push_back(text);
  ++cut.verdict.torn_delivered;
  const bool may_be = recording_.format == Format::lines && cut.life.appends_before && explained;
  if (!may_be) return cut.accuse("arrived and is no record: " + example(text));
  if (cut.verdict.torn_delivered > 1) cut.accuse("a second torn text: " + example(text));
}

void Judge::judge_durable(Cut& cut) const {
  if (cut.durable == nullptr) return;
  for (std::uint32_t producer = 0; producer < cut.durable->records.size(); ++producer) {
    for (std::uint64_t number = 0; number < cut.durable->records[producer]; ++number) {
      ++cut.verdict.durable;
      if (delivered_ms_[producer][number] <= cut.time_ns / kNsPerMs) continue;
      if (cut.arrived.contains({producer, number})) {
        ++cut.verdict.delivered_after;
      } else if (holds(cut.found.quarantined, record_text({producer, number}))) {
        ++cut.verdict.durable_aside;
      } else {
        cut.accuse("lost: " + example(record_text({producer, number})));
      }
    }
  }
}

void Judge::judge_new(Cut& cut) const {
  for (const auto& id : cut.found.after)
    if (!cut.arrived.contains(id)) cut.accuse("lost, new: " + example(record_text(id)));
  for (const auto& id : cut.found.before) {
    const auto text = record_text(id);
    if (cut.arrived.contains(id) || holds(cut.glued, text)) continue;
    if (recording_.format == Format::lines && holds(cut.found.quarantined, text)) {
      if (++cut.verdict.new_aside > 1) cut.accuse("a second new one aside: " + example(text));
    } else {
      cut.accuse("lost, new, before the fence: " + example(text));
    }
  }
}

// Nothing is freed above the front here, so what is durable there has no holes.
void Judge::judge_front(Cut& cut) const {
  if (!recording_.plain || cut.durable == nullptr) return;
  if (cut.found.zeros_from >= cut.durable->buffer_bytes) return;
  cut.accuse("zeros at " + std::to_string(cut.found.zeros_from) + ", above the front " +
             std::to_string(cut.found.front) + ", below " +
             std::to_string(cut.durable->buffer_bytes) + ", which was durable");
}

}  // namespace punchline::testing
