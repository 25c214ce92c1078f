#include "tests/powercut/aftermath.h"

#include <array>
#include <filesystem>
#include <stdexcept>

#include "buffer/collapse.h"
#include "buffer/posix_file.h"
#include "buffer/quarantine.h"
#include "buffer/stored_state.h"
#include "tests/powercut/appender.h"
#include "tests/support/eventually.h"
#include "tests/support/frames.h"

namespace punchline::testing {
namespace {

constexpr std::uint64_t kRecordsAtOnce = 4;
constexpr std::size_t kLongRunBytes = 512;  // of NULs: no frame's head holds so many

std::unique_ptr<PosixFile> open_buffer(const std::string& path) {
  auto opened = PosixFile::open(path);
  if (!opened) throw std::runtime_error(opened.error().message());
  return std::move(*opened);
}

/// The end of the last data; 0 if there is none.
Offset data_end(BufferFile& file) {
  Offset end = 0;
  for (;;) {
    const auto data = file.next_data(end);
    if (!data) throw std::runtime_error(data.error().message());
    if (!*data) return end;
    const auto hole = file.next_hole(**data);
    if (!hole) throw std::runtime_error(hole.error().message());
    end = *hole;
  }
}

Torn torn_state(BufferFile& file, std::string_view noted, Offset end) {
  CollapseIntent intent;
  if (decode(noted, intent) != Decoded::ok) throw std::runtime_error("the intent does not check");
  const auto data = file.next_data(0);
  if (!data) throw std::runtime_error(data.error().message());
  const bool shifted = *data && **data < intent.segments.front().begin;
  // Neither as much is lost of an end that was not synced, nor has as much been appended.
  const auto between = intent.segments.back().end - intent.bytes / 2;
  if (!shifted || end < between) return Torn::no;
  return data_end(file) < between ? Torn::size : Torn::in_part;
}

Offset first_zeros(BufferFile& file, Offset from, Offset end) {
  static std::array<char, 64 * 1024> memory;
  std::size_t run = 0;
  for (auto at = from; at < end;) {
    const auto read = file.read_at(at, memory);
    if (!read || *read == 0) break;
    for (std::size_t i = 0; i < *read; ++i) {
      run = memory[i] == '\0' ? run + 1 : 0;
      if (run == kLongRunBytes) return at + i + 1 - run;
    }
    at += *read;
  }
  return end;
}

void look_at(const std::string& buffer, Aftermath& found) {
  const auto file = open_buffer(buffer);
  const auto stored = read_stored_state(*file);
  if (!stored) throw std::runtime_error(stored.error().message());
  found.state_is_sound = stored->exists && stored->decoded == Decoded::ok && stored->fences_sound;
  const auto intent = file->attribute(kIntentAttribute);
  const auto facts = file->facts();
  if (!intent || !facts) throw std::runtime_error("look at " + buffer);
  const Offset end(facts->size);
  found.intent_stands = intent->has_value();
  if (*intent) found.torn = torn_state(*file, **intent, end);
  found.base_moved = stored->state.base > 0;
  found.front = stored->state.front.value();
  const Offset offset(stored->state.front - stored->state.base);
  found.zeros_from = first_zeros(*file, offset, end).value();
  if (offset >= end) return;
  const auto data = file->next_data(offset);
  if (!data || !data->has_value()) return;
  const auto hole = file->next_hole(**data);
  found.hole_above_front = hole && *hole < end;
}

std::vector<RecordId> append_some(const std::string& buffer, Format format, std::uint32_t producer,
                                  const NextLife& life) {
  std::vector<RecordId> ids;
  std::vector<std::string> records;
  for (std::uint64_t i = 0; i < kRecordsAtOnce; ++i) {
    ids.push_back({producer, life.number * kRecordsAtOnce + i});
    records.push_back(record_text(ids.back()));
  }
  Appender(buffer, format, life.number % 4 < 2).append(records);
  return ids;
}

void run_to_end(const RunSetup& setup, Aftermath& found) {
  const auto done = run_once(setup, std::chrono::seconds(40));
  if (done.exit.code == 0 || done.exit.code == 65) return;
  found.trouble += "run --once ended with " + std::to_string(done.exit.code) + ", signal " +
                   std::to_string(done.exit.signal) + ":\n" + done.err;
}

std::vector<std::string> quarantined_in(const std::string& buffer) {
  const auto path = buffer + ".quarantine";
  if (!std::filesystem::exists(path)) return {};
  return read_frames(*open_buffer(path), {kQuarantineRecordBytesMax, {}, {}}).payloads();
}

}  // namespace

Aftermath live_on(FsMounts& mounts, const Recording& recording, const std::string& image,
                  const NextLife& life, const RunSetup& to, TopicTail& tail) {
  Aftermath found;
  const auto folder = mounts.mount_image(recording.disk.type, image, recording.disk.mount_options);
  if (folder.empty()) throw std::runtime_error("mount after the cut: " + mounts.why());
  auto setup = to;
  setup.buffer = folder + "/buffer";
  look_at(setup.buffer, found);
  if (life.appends_before) {
    found.before = append_some(setup.buffer, recording.format, kBefore, life);
  }
  run_to_end(setup, found);
  if (life.appends_after) {
    found.after = append_some(setup.buffer, recording.format, kAfter, life);
    run_to_end(setup, found);
  }
  found.arrivals = tail.read_new();
  found.quarantined = quarantined_in(setup.buffer);
  if (!eventually(std::chrono::seconds(20), [&] { return mounts.unmount(folder); })) {
    throw std::runtime_error("unmount: " + mounts.why());
  }
  return found;
}

}  // namespace punchline::testing
