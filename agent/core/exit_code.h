#pragma once

#include "buffer/base/result.h"

namespace punchline {

/// How the program ends: the numbers of sysexits.h, so that scripts and service managers can tell
/// "set it up differently" from "try again later".
enum class ExitCode : int {
  ok = 0,
  damaged = 1,       ///< `verify`: the buffer is not sound.
  usage = 64,        ///< Wrong flag or missing argument.
  data = 65,         ///< Something was set aside or refused; everything else went through.
  unavailable = 69,  ///< Kafka could not be used in time.
  cannot_open = 73,  ///< Cannot create a file or open it for writing.
  io = 74,           ///< I/O error, full disk, HTTP port taken.
  temporary = 75,    ///< Locked by another, or interrupted with data left (--once, on_stop drain).
  config = 78,       ///< Configuration or file not fit for use; says what to change.
};

/// The exit code for this error at a file.
ExitCode exit_for(const Error& error);

}  // namespace punchline
