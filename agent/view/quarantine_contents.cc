#include "agent/view/quarantine_contents.h"

#include "agent/view/buffer_view.h"
#include "buffer/base/counted.h"
#include "buffer/posix_file.h"
#include "buffer/quarantine.h"
#include "buffer/stored_state.h"

namespace punchline {
namespace {

constexpr std::uint64_t kCountedBytesMax = 64ULL << 20;  // read through in a moment

}  // namespace

std::string QuarantineContents::text() const {
  const auto size = counted(bytes, "byte");
  const auto held = entries ? counted(*entries, "entry", "entries") + " (" + size + ")" : size;
  return path + " holds " + held + " of what was set aside; 'punchline inspect " + path +
         "' shows it, 'punchline requeue " + path + "' gives it back";
}

std::optional<QuarantineContents> look_into_quarantine(const std::string& buffer_path,
                                                       const StartFacts& facts) {
  QuarantineContents contents{quarantine_path(buffer_path), 0, std::nullopt};
  const auto file = PosixFile::open(contents.path);
  if (!file) return std::nullopt;
  const auto left = bytes_behind_front(**file);
  if (!left) return std::nullopt;
  contents.bytes = *left;
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
