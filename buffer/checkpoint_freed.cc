// The part of Checkpoint that remembers up to where the buffer is clean.

#include <algorithm>

#include "buffer/checkpoint.h"
#include "buffer/crc32c.h"

namespace punchline {
namespace {

std::uint32_t checksum_of(const Uuid& uuid) {
  return crc32c({reinterpret_cast<const char*>(uuid.data()), uuid.size()});
}

}  // namespace

void Checkpoint::load_freed() {
  const auto bytes = file_.attribute(kFreedAttribute);
  Freed found;
  if (!bytes || !bytes->has_value() || decode_freed(**bytes, found) != Decoded::ok) return;
  if (found.uuid_checksum != checksum_of(state_.uuid)) return;
  if (found.front != state_.front) found.kept_checksum = 0;
  found.to = std::min(found.to, state_.front);
  freed_ = found;
}

void Checkpoint::note_freed(Position to, std::uint32_t kept_checksum) {
  const Freed freed{checksum_of(state_.uuid), to, state_.front, kept_checksum};
  if (!supported_ || freed_ == freed) return;
  if (file_.set_attribute(kFreedAttribute, encode_freed(freed))) freed_ = freed;
}

}  // namespace punchline
