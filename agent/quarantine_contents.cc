#include "agent/quarantine_contents.h"

#include <algorithm>

#include "agent/buffer_view.h"
#include "buffer/posix_file.h"
#include "buffer/quarantine.h"
#include "sinks/counted.h"

namespace punchline {
namespace {

constexpr std::uint64_t kCountedBytesMax = 64ULL << 20;  // read through in a moment

}  // namespace

std::string QuarantineContents::text() const {
  const auto size = counted(bytes, "byte");
  const auto held = entries ? counted(*entries, "entry", "entries") + " (" + size + ")" : size;
  return path + " holds " + held + " of what was set aside; 'punchline inspect' shows it, " +
         "'punchline requeue' gives it back";
}

std::optional<QuarantineContents> look_into_quarantine(const std::string& buffer_path,
                                                       const StartFacts& facts) {
  QuarantineContents contents{quarantine_path(buffer_path), 0, std::nullopt};
  const auto file = PosixFile::open(contents.path);
  if (!file) return std::nullopt;
  const auto stored = read_stored_state(**file);
  const auto found = (*file)->facts();
  if (!stored || !found) return std::nullopt;
  const bool sound = stored->exists && stored->decoded == Decoded::ok;
  const auto begin = sound ? stored->state.front - stored->state.base : 0;
  contents.bytes = found->size - std::min(found->size, begin);
  if (contents.bytes > 0 && contents.bytes <= kCountedBytesMax) {
    const auto view = view_buffer(**file, facts);
    if (!view) return std::nullopt;
    contents.bytes = view->waiting_bytes + view->set_aside_bytes + view->unfinished_bytes;
    contents.entries = view->waiting_records;
  }
  if (contents.bytes == 0) return std::nullopt;
  return contents;
}

}  // namespace punchline
