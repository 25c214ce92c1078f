#pragma once

#include <string>

namespace punchline {

/// The names that a file has which was a buffer, or its quarantine (buffer/FORMAT.md, "Rotated by
/// hand"). Names without folders. Pure. Any thread.

/// Whether a name is one that logrotate(8) gives: `app.log.1`, `app.log-20260131`, with `extension`
/// `app.1.log`; each perhaps with what a compressing program adds.
bool is_rotated_name(const std::string& name, const std::string& buffer_name);
/// All of the buffer's name, and behind it `.1` or a date: no other buffer is called so.
bool is_sure_rotated_name(const std::string& name, const std::string& buffer_name);
/// Any name that is likely to be given to what was the buffer: `app.log.old`, `app.log~`,
/// `app-30-Nov-2026.log`, `app.1`, `app.tgz`.
bool may_be_rotated_name(const std::string& name, const std::string& buffer_name);
/// The program that unpacks a file of this name to its standard output; empty where it is not
/// compressed.
std::string unpacker_of(const std::string& name);
/// The same of the buffer's quarantine.
bool is_rotated_quarantine(const std::string& name, const std::string& buffer_name);
/// What stands beside a buffer by our own doing, and is not what somebody has rotated.
bool is_ours(const std::string& name, const std::string& buffer_name);
/// Without its last extension.
std::string stem_of(const std::string& name);

}  // namespace punchline
