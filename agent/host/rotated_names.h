#pragma once

#include <string>

namespace punchline {

/// The names of files that were a buffer, or its quarantine (buffer/FORMAT.md, "Rotated by hand").
/// Names without folders. Pure. Any thread.

/// Whether a name is one that logrotate(8) gives: `app.log.1`, `app.log-20260131`, with `extension`
/// `app.1.log`; each perhaps with the suffix of a compressing program.
bool is_rotated_name(const std::string& name, const std::string& buffer_name);
/// All of the buffer's name, followed by `.1` or a date: no other buffer has such a name.
bool is_sure_rotated_name(const std::string& name, const std::string& buffer_name);
/// Any name that is likely to be given to a file that was the buffer: `app.log.old`, `app.log~`,
/// `app-30-Nov-2026.log`, `app.1`, `app.tgz`.
bool may_be_rotated_name(const std::string& name, const std::string& buffer_name);
/// The program that unpacks a file of this name to its standard output; empty if it is not
/// compressed.
std::string unpacker_of(const std::string& name);
/// Whether a name is likely to be given to a file that was the buffer's quarantine.
bool is_rotated_quarantine(const std::string& name, const std::string& buffer_name);
/// A file that we make beside a buffer, and not one that somebody has rotated.
bool is_ours(const std::string& name, const std::string& buffer_name);
/// The name without its last extension.
std::string stem_of(const std::string& name);

}  // namespace punchline
