#include "buffer/attributes.h"

#include <algorithm>

#include "buffer/base/rarely.h"
#include "buffer/crc32c.h"
#include "buffer/frame.h"

namespace punchline {
namespace {

std::uint32_t checksum_of(const Uuid& uuid) {
  return crc32c({reinterpret_cast<const char*>(uuid.data()), uuid.size()});
}

}  // namespace

Result<std::optional<std::string>> Attributes::load() {
  auto& file = space_.file();
  auto state = file.attribute(kStateAttribute);
  if (!state && state.error().kind() != ErrorKind::unsupported) return state.error();
  supported_ = state.ok();
  const auto salts = file.attribute(kSaltsAttribute);
  auto& known = space_.rules().salts;
  if (salts && salts->has_value() && decode_salts(**salts, known) != Decoded::ok) known.clear();
  const auto spread = file.attribute(kPartitionsAttribute);
  if (spread && spread->has_value()) decode_spread(**spread, spread_);
  if (!supported_) return std::optional<std::string>();
  return state;
}

State& Attributes::change() {
  state_changed_ = true;
  return state_;
}

void Attributes::set_base(Position base) {
  change().base = base;
  space_.set_base(base);
}

void Attributes::set_format(Format format) {
  change().format = format;
  space_.set_format(format);
}

void Attributes::take(const State& state) {
  state_ = state;
  space_.set_base(state.base);
  space_.set_format(state.format);
}

void Attributes::adopt(const State& found) {
  take(found);
  stored_ = found;
  load_fences();
}

void Attributes::take_front_back(Position front) {
  change().front = front;
  stored_->front = front;
}

void Attributes::begin_anew(const State& state, std::vector<Position> fences) {
  take(state);
  stored_.reset();
  freed_.reset();
  space_.rules().old_front = 0;
  space_.rules().fences = std::move(fences);
  if (has_intent()) leave_intent(0);
  state_changed_ = fences_changed_ = true;
}

Status Attributes::move_front(Position front) {
  change().front = front;
  if (supported_) {
    const auto set = space_.file().set_attribute(kStateAttribute, encode(state_));
    if (!set) return set;
    note_stored();
  }
  drop_passed_fences();
  return {};
}

bool Attributes::format_stored() const {
  return !supported_ || state_.format == (stored_ ? stored_->format : Format::none);
}

void Attributes::load_fences() {
  const auto bytes = space_.file().attribute(kFencesAttribute);
  if (bytes && !bytes->has_value()) return;
  auto& fences = space_.rules().fences;
  if (bytes && decode_fences(**bytes, fences) == Decoded::ok) return;
  RARELY(true, "the fences cannot be read at a start");
  // The attribute cannot be read or does not check, so the whole file is read carefully.
  fences.clear();
  if (const auto end = space_.settled_end()) add_fence(*end);
}

void Attributes::add_fence(Position at) {
  auto& fences = space_.rules().fences;
  if (!fences.empty() && fences.back() >= at) return;
  fences.push_back(at);
  fences_changed_ = true;
}

// A boot may take the front back to synced. What was torn from there on must still be known.
void Attributes::drop_passed_fences() {
  const auto synced = stored_ ? stored_->synced : 0;
  const auto passed = supported_ ? std::min(state_.front, synced) : state_.front;
  auto& fences = space_.rules().fences;
  const auto kept = std::upper_bound(fences.begin(), fences.end(), passed);
  if (kept == fences.begin()) return;
  fences.erase(fences.begin(), kept);
  fences_changed_ = true;
}

Status Attributes::store_fences() {
  if (!supported_) return {};
  return store_changed(fences_changed_, kFencesAttribute,
                       fences().empty() ? "" : encode_fences(fences()));
}

void Attributes::add_salt(std::uint32_t salt) {
  const auto facts = space_.file().facts();
  if (facts && salt == frame_salt(facts->inode, facts->birth_ns)) return;
  auto& salts = space_.rules().salts;
  if (std::find(salts.begin(), salts.end(), salt) != salts.end()) return;
  salts.push_back(salt);
  salts_changed_ = true;
}

void Attributes::set_spread(const Spread& spread) {
  if (spread == spread_) return;
  spread_ = spread;
  spread_changed_ = true;
}

void Attributes::load_freed() {
  const auto bytes = space_.file().attribute(kFreedAttribute);
  Freed found;
  if (!bytes || !bytes->has_value() || decode_freed(**bytes, found) != Decoded::ok) return;
  if (found.uuid_checksum != checksum_of(state_.uuid)) return;
  if (found.front != state_.front) found.kept_checksum = 0;
  found.to = std::min(found.to, state_.front);
  freed_ = found;
}

void Attributes::note_freed(Position to, std::uint32_t kept_checksum) {
  const Freed freed{checksum_of(state_.uuid), to, state_.front, kept_checksum};
  if (!supported_ || freed_ == freed) return;
  if (space_.file().set_attribute(kFreedAttribute, encode_freed(freed))) freed_ = freed;
}

void Attributes::leave_intent(Position free_from) {
  intent_free_from_ = free_from;
}

bool Attributes::needs_store() const {
  return state_changed_ || fences_changed_ || salts_changed_ || spread_changed_ || has_intent();
}

Status Attributes::store() {
  if (!supported_) {
    state_changed_ = fences_changed_ = salts_changed_ = spread_changed_ = false;
    return {};
  }
  if (const auto stored = store_state(); !stored) return stored;
  if (!has_intent()) return {};
  const auto removed = space_.file().remove_attribute(kIntentAttribute);
  if (removed) intent_free_from_.reset();
  return removed;
}

// Fences and salts are stored first, since the state implies that they are there. The passed fences
// are dropped last, since only the new state makes them so.
Status Attributes::store_state() {
  if (const auto fences = store_fences(); !fences) return fences;
  const auto salts =
      store_changed(salts_changed_, kSaltsAttribute, encode_salts(space_.rules().salts));
  if (!salts) return salts;
  const auto spread = store_changed(spread_changed_, kPartitionsAttribute, encode_spread(spread_));
  if (!spread) return spread;
  // If the fences could not be stored at the start, the boot was not noted then. It is noted now.
  if (state_.boot != boot_) change().boot = boot_;
  if (!state_changed_) return {};
  auto& file = space_.file();
  if (const auto set = file.set_attribute(kStateAttribute, encode(state_)); !set) return set;
  if (const auto synced = file.sync_all(); !synced) return synced;
  note_stored();
  drop_passed_fences();
  return store_fences();
}

/// An empty value removes the attribute.
Status Attributes::store_changed(bool& changed, std::string_view name, const std::string& value) {
  if (!changed) return {};
  auto& file = space_.file();
  const auto stored = value.empty() ? file.remove_attribute(name) : file.set_attribute(name, value);
  if (stored) changed = false;
  return stored;
}

void Attributes::note_stored() {
  stored_ = state_;
  state_changed_ = false;
}

}  // namespace punchline
