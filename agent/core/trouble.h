#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "buffer/base/clock.h"
#include "buffer/base/result.h"

namespace punchline {

/// What went wrong with the storage of a buffer. Nothing is lost by it.
struct Trouble {
  std::string text;
  bool is_no_space = false;
  std::optional<Duration> retry = std::chrono::seconds(1);  ///< Until the next try; empty: none.

  static Trouble of(const Error& error) {
    return {error.message(), error.kind() == ErrorKind::no_space};
  }
};

}  // namespace punchline
