#include "agent/core/exit_code.h"

namespace punchline {

ExitCode exit_for(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::refused:
      return ExitCode::config;
    case ErrorKind::busy:
      return ExitCode::temporary;
    case ErrorKind::denied:
    case ErrorKind::not_found:
      return ExitCode::cannot_open;
    case ErrorKind::io:
    case ErrorKind::no_space:
    case ErrorKind::unsupported:
      break;
  }
  return ExitCode::io;
}

}  // namespace punchline
