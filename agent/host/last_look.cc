#include "agent/host/last_look.h"

#include <algorithm>
#include <iterator>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "buffer/base/timestamp.h"
#include "buffer/descriptor.h"
#include "buffer/state.h"
#include "buffer/wall_time.h"

namespace punchline {
namespace {

// On the lock file: one time or two (Noted) in decimal nanoseconds since the epoch, then " @" and
// the identity of that file, since a lock file that was copied says nothing about the files beside
// it. Earlier programs have noted no identity.
constexpr std::string_view kSeenAttribute = "user.punchline.seen";
constexpr std::string_view kIdentityMark = " @";
constexpr int kLockFileFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

/// The times at which agents have looked, as a lock file says: the last one, and one that was in
/// the future by then, as the clock was behind. Empty if no agent has looked, or if it could not be
/// noted.
using Noted = std::vector<std::int64_t>;

Result<std::string> identity_of(const Descriptor& file) {
  const auto facts = file.facts();
  if (!facts) return facts.error();
  const auto identity = fold_identity(facts->stx_ino, birth_ns_of(*facts));
  return std::string(kIdentityMark) + std::to_string(identity);
}

/// Errors: the lock file cannot be looked at.
Result<Noted> noted_looks(const std::string& lock_path) {
  const auto file = Descriptor::open(lock_path, kLockFileFlags);
  if (!file) {
    if (file.error().kind() == ErrorKind::not_found) return Noted();
    return file.error();
  }
  const auto noted = file->attribute(kSeenAttribute);
  if (!noted) {
    if (noted.error().kind() == ErrorKind::unsupported) return Noted();
    return noted.error();
  }
  if (!*noted) return Noted();
  const auto at = (*noted)->find(kIdentityMark);
  if (at != std::string::npos) {
    const auto identity = identity_of(*file);
    if (!identity) return identity.error();
    if ((*noted)->substr(at) != *identity) return Noted();
  }
  std::istringstream words((*noted)->substr(0, at));
  Noted looks{std::istream_iterator<std::int64_t>(words), {}};
  return words.eof() ? looks : Noted();
}

/// The latest time that is not in the future. If all of them are, the earliest.
LastLook last_of(const Noted& looks) {
  const auto now_ns = nanoseconds(filesystem_now());
  LastLook last;
  for (const auto look : looks) {
    const bool is_better = !last || (look <= now_ns ? *last > now_ns || look > *last
                                                    : *last > now_ns && look < *last);
    if (is_better) last = look;
  }
  return last;
}

}  // namespace

struct timespec filesystem_now() {
  struct timespec now {};
  (void)::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return now;
}

Result<LastLook> last_look(const std::string& lock_path) {
  const auto looks = noted_looks(lock_path);
  if (!looks) return looks.error();
  return last_of(*looks);
}

LastLook note_look(const std::string& lock_path, struct timespec looked) {
  const auto looked_ns = nanoseconds(looked);
  auto noted = noted_looks(lock_path);
  auto looks = noted ? std::move(*noted) : Noted();
  if (!can_be_now(looked_ns / 1'000'000)) return last_of(looks);
  std::erase_if(looks, [&](auto look) { return look <= looked_ns; });
  auto text = std::to_string(looked_ns);
  if (!looks.empty()) text += ' ' + std::to_string(*std::max_element(looks.begin(), looks.end()));
  looks.push_back(looked_ns);
  const auto file = Descriptor::open(lock_path, kLockFileFlags);
  const auto identity = file ? identity_of(*file) : file.error();
  if (identity) (void)file->set_attribute(kSeenAttribute, text + *identity);
  return last_of(looks);
}

}  // namespace punchline
