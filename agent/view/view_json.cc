#include "agent/view/view_json.h"

#include <cstdio>

namespace punchline {

template <class Json, class Sequence>
void to_json(Json& json, PlaceOf<Sequence> at) {
  json = at.value();
}

namespace {

using Json = nlohmann::ordered_json;

Json json_of(ByteRange range) {
  return {{"begin", range.begin}, {"end", range.end}, {"bytes", range.size()}};
}

Json json_of(const SetAsideEntry& entry) {
  auto json = json_of(entry.range);
  json["reason"] = name_of(entry.reason);
  return json;
}

Json json_of(const QuarantineEntry& entry) {
  const auto& label = entry.label;
  Json json = {{"at", entry.at},
               {"timestamp_ms", entry.timestamp_ms},
               {"reason", name_of(label.reason)},
               {"format", name_of(label.format)},
               {"buffer", label.buffer},
               {"topic", label.topic},
               {"position", label.position},
               {"bytes", label.bytes}};
  if (label.refusal) {
    json["partition"] = label.refusal->partition;
    json["error_code"] = label.refusal->code;
    json["error"] = label.refusal->error;
  }
  return json;
}

Json json_of(const std::optional<LockHolder>& holder, bool held) {
  if (holder) return {{"host", holder->host}, {"pid", holder->pid}, {"since", holder->since}};
  return held ? Json("unknown") : Json(nullptr);
}

Json json_of(const Losses& losses) {
  auto json = Json::object();
  for (std::size_t i = 0; i < kLossReasons; ++i) {
    const auto& loss = losses[i];
    if (loss.times == 0) continue;
    json[name_of(static_cast<LossReason>(i))] = {
        {"times", loss.times}, {"records", loss.records}, {"bytes", loss.bytes}};
  }
  return json;
}

template <class List>
Json json_list(const List& list) {
  auto json = Json::array();
  for (const auto& entry : list) {
    json.push_back(json_of(entry));
  }
  return json;
}

}  // namespace

Json json_of(const BufferView& view, const std::string& path,
             const std::optional<LockHolder>& holder, bool held) {
  return {
      {"path", path},
      {"state", name_of(view.origin)},
      {"uuid", view.has_state ? Json(to_string(view.state.uuid)) : Json(nullptr)},
      {"format", name_of(view.state.format)},
      {"base", view.state.base},
      {"front", view.state.front},
      {"synced", view.state.synced},
      {"cluster", view.cluster.empty() ? Json(nullptr) : Json(view.cluster)},
      {"fence", view.fences.empty() ? Json(nullptr) : Json(view.fences.back())},
      {"fences", view.fences},
      {"logical_bytes", view.logical_bytes},
      {"data_bytes", view.data_bytes},
      {"allocated_bytes", view.allocated_bytes},
      {"waiting_records", view.waiting_records},
      {"waiting_bytes", view.waiting_bytes},
      {"nothing_bytes", view.nothing_bytes},
      {"unfinished_bytes", view.unfinished_bytes},
      {"room_bytes", view.room_bytes},
      {"lost", json_of(view.lost)},
      {"strays", view.strays},
      {"stray_bytes", view.stray_bytes},
      {"set_aside_records", view.set_aside_records},
      {"set_aside_bytes", view.set_aside_bytes},
      {"set_aside", json_list(view.set_aside)},
      {"entries", json_list(view.entries)},
      {"hole_count", view.hole_count},
      {"hole_bytes", view.hole_bytes},
      {"holes", json_list(view.holes)},
      {"in_motion", view.in_motion},
      {"warnings", view.warnings},
      {"picture", view.picture.line()},
      {"holder", json_of(holder, held)},
  };
}

bool print(const Json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  return std::fflush(stdout) == 0;
}

}  // namespace punchline
