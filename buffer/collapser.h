#pragma once

#include <cstdint>

#include "buffer/attributes.h"
#include "buffer/base/result.h"
#include "buffer/collapse.h"
#include "buffer/space.h"

namespace punchline {

/// What was made of the intent that an earlier run left.
struct SettledIntent {
  std::uint64_t bytes = 0;  ///< Cut off by that collapse; the base of `found` has them by now.
  bool is_torn = false;     ///< The file is not as a collapse can leave it: offsets mean nothing.
};

/// Carries a collapse to its end that a crash interrupted. Call it before any offset of `found`,
/// the state of the file, is used. Errors: `io`, `no_space`.
Result<SettledIntent> settle_intent(Space& space, Attributes& attributes, State& found);

/// Cuts the hole at the front off one buffer, and keeps its base. One thread.
class Collapser {
 public:
  /// Both must outlive it.
  Collapser(Space& space, Attributes& attributes) : space_(space), attributes_(attributes) {}

  /// Cuts off what is worth it and safe, and returns the number of bytes; the base grows by as
  /// many, and no position changes. Nobody may read the file meanwhile (on ext4 one read can mix
  /// the bytes before and after). Blocks: it syncs first, and the kernel writes out what has been
  /// appended since. Errors: `unsupported`, `no_space`, `io`. After an error nothing has been cut
  /// off, or the next start finishes the collapse, or lost_place() is true.
  Result<std::uint64_t> collapse(const CollapseLimits& limits);

  /// A failed collapse left the file such that the base has no meaning any more.
  bool lost_place() const { return lost_place_; }

 private:
  bool may_collapse() const;
  Status hide_done_from(Offset begin);
  Status shift(const CollapseIntent& intent);

  Space& space_;
  Attributes& attributes_;
  bool lost_place_ = false;
};

}  // namespace punchline
