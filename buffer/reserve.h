#pragma once

#include "buffer/base/result.h"

namespace punchline {

/// Space that we keep allocated on a buffer's filesystem, to be given up when there is none left
/// for freeing.
///
/// btrfs copies on write: at the limit of a qgroup neither can an attribute be replaced nor a hole
/// be punched (both EDQUOT). But unlink(2) works, and the space it gives back can be used at once
/// (measured on Linux 6.18). The reserve holds no data, and its presence says nothing. One thread.
class Reserve {
 public:
  virtual ~Reserve() = default;
  /// Takes the space, or as much of it as there is, unless it is held already. Errors: `no_space`;
  /// `refused` if something else has the name; `denied`, `unsupported`, `io` as they come.
  virtual Status take() = 0;
  /// Gives the space back to the filesystem, for the next call that needs some. False: there was no
  /// reserve.
  virtual bool give_up() = 0;
};

}  // namespace punchline
