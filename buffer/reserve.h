#pragma once

#include "buffer/base/result.h"

namespace punchline {

/// Room of ours on a buffer's filesystem, given up where there is none left for freeing.
///
/// btrfs copies on write: at the limit of a qgroup neither can an attribute be replaced nor a hole
/// be punched (both EDQUOT), while unlink(2) works, and what it gives back can be had at once
/// (measured on Linux 6.18). It holds nothing, and nothing is known by it. One thread.
class Reserve {
 public:
  virtual ~Reserve() = default;
  /// Takes the room, or as much of it as there is, where it is not held. Errors: `no_space`;
  /// `refused` where something else has the name; `denied`, `unsupported`, `io` as they come.
  virtual Status take() = 0;
  /// Gives it to whoever asks next. False: there was none.
  virtual bool give_up() = 0;
};

}  // namespace punchline
