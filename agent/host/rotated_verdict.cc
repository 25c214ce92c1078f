#include "agent/host/rotated_verdict.h"

#include <algorithm>
#include <cstddef>

#include "agent/host/rotated_names.h"

namespace punchline {
namespace {

/// How much of the buffer's name `name` holds: all of it, or the part before its last dot.
std::size_t fit_of(const std::string& name, const std::string& buffer_name) {
  return name.starts_with(buffer_name) ? buffer_name.size() : stem_of(buffer_name).size();
}

/// True if somebody may give this name to what was this buffer, and no other buffer's name fits
/// better.
bool is_named_so(const std::string& name, const Sought& sought) {
  const auto fits_better = [&](const std::string& other) {
    return may_be_rotated_name(name, other) && fit_of(name, other) > fit_of(name, sought.name);
  };
  return may_be_rotated_name(name, sought.name) &&
         std::none_of(sought.neighbours.begin(), sought.neighbours.end(), fits_better);
}

/// True if the time is not before that of the look. Its whole tick counts, or its whole second
/// where the filesystem keeps no more (ext4 with inodes of 128 bytes): rather once more than never.
bool is_since(std::int64_t time_ns, std::int64_t look_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const bool is_coarse = time_ns % kSecond == 0;
  return time_ns >= (is_coarse ? look_ns - look_ns % kSecond : look_ns);
}

bool is_since_look(std::int64_t time_ns, const Sought& sought) {
  return !sought.seen_ns || is_since(time_ns, *sought.seen_ns);
}

/// True if the file had an agent of its own, before agents noted the buffer's name on a file.
bool is_another_buffer(const Beside& file) {
  return file.has_lock_file && file.state != Beside::State::none;
}

/// True if the time of the last look says nothing, as the clock was ahead then, or is behind now.
bool is_look_ahead(const Sought& sought) {
  return sought.seen_ns && *sought.seen_ns > sought.now_ns;
}

/// True if somebody may still write into the file: a producer that had it open when it lost the
/// buffer's name. If the kernel does not tell, a file that has changed since an agent last looked
/// counts as open.
bool may_be_written(const Beside& file, const Sought& sought) {
  return file.is_open().value_or(is_since_look(file.changed_ns, sought));
}

/// The verdict on a file that an agent has had as this buffer.
Verdict verdict_on_buffer(const Beside& file, const Sought& sought) {
  switch (file.state) {
    case Beside::State::newer:
      return Verdict::closed;
    case Beside::State::copied:
      return file.bytes_left > 0 && is_since_look(file.changed_ns, sought) ? Verdict::copy
                                                                           : Verdict::other;
    case Beside::State::own:
    case Beside::State::none:  // somebody took it away, to have the file read anew
      break;
  }
  return file.bytes_left > 0 || may_be_written(file, sought) ? Verdict::to_forward
                                                             : Verdict::other;
}

/// The verdict on a file that no agent has ever had: it was the buffer while none ran, or is none
/// of ours. Also on a file whose state does not say of which buffer it is, as an earlier program
/// has left it.
Verdict verdict_on_stranger(const Beside& file, const Sought& sought) {
  if (!is_named_so(file.name, sought) || is_another_buffer(file)) return Verdict::other;
  if (file.bytes == 0 && !may_be_written(file, sought)) return Verdict::other;
  if (!sought.seen_ns) return Verdict::undated;
  if (is_look_ahead(sought)) return Verdict::unseen;
  const bool has_birth = file.born_ns != 0;
  if (has_birth && is_since_look(file.born_ns, sought)) {
    const bool is_sure = is_sure_rotated_name(file.name, sought.name) && !file.has_lock_file;
    return is_sure ? Verdict::to_forward : Verdict::unseen;
  }
  // A copy may be written into the file of an earlier one, so mtime counts. A rename changes ctime
  // alone.
  const bool is_renamed_too = !has_birth || file.state != Beside::State::none;
  const auto written_ns = is_renamed_too ? file.changed_ns : file.modified_ns;
  return is_since_look(written_ns, sought) ? Verdict::unseen : Verdict::other;
}

/// The verdict on a file that an agent has had as another buffer. Nobody knows whether that is a
/// buffer of its own, so the file is not taken.
Verdict verdict_on_named(const Beside& file, const Sought& sought) {
  const bool is_left = file.perhaps_name == sought.name && file.bytes_left > 0 &&
                       !sought.neighbours.contains(*file.noted_name);
  return is_left ? Verdict::left : Verdict::other;
}

}  // namespace

bool is_to_be_named(Verdict verdict) {
  return verdict == Verdict::unseen || verdict == Verdict::copy ||
         verdict == Verdict::quarantine || verdict == Verdict::left ||
         verdict == Verdict::undated;
}

Verdict verdict_on(const Beside& file, const Sought& sought) {
  if (is_rotated_quarantine(file.name, sought.name))
    return file.bytes_left > 0 ? Verdict::quarantine : Verdict::other;
  if (file.noted_name && *file.noted_name != sought.name) return verdict_on_named(file, sought);
  const bool is_sure = is_sure_rotated_name(file.name, sought.name) && !file.has_lock_file;
  const bool was_had = file.noted_name || (file.state != Beside::State::none && is_sure);
  return was_had ? verdict_on_buffer(file, sought) : verdict_on_stranger(file, sought);
}

// The verdict on a file that cannot be opened: nobody knows what it holds.
Verdict verdict_on(const ClosedBeside& file, const Sought& sought) {
  const bool is_new = is_look_ahead(sought) || is_since_look(file.changed_ns, sought);
  if (!is_named_so(file.name, sought) || file.bytes == 0 || !is_new) return Verdict::other;
  if (!sought.seen_ns) return Verdict::undated;
  if (!is_rotated_name(file.name, sought.name) || !unpacker_of(file.name).empty())
    return Verdict::unseen;
  return file.may_not ? Verdict::closed : Verdict::unknown;
}

}  // namespace punchline
