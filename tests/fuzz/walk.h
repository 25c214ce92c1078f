#pragma once

#include <memory>
#include <string>
#include <vector>

#include "buffer/scanner.h"
#include "buffer/space.h"

namespace punchline::fuzz {

/// A stretch that a scanner found; of a record also what would be sent.
struct Stretch {
  Item item;
  std::string payload;
};

/// Reads a file as the agent does, in pieces as small as given. At each step: what is found follows
/// what was found before without a gap or an overlap, and a payload lies in its own stretch.
class Walk {
 public:
  Walk(Space& space, Position from, std::size_t memory_bytes)
      : space_(space), at_(from), memory_bytes_(memory_bytes), scanner_(make_scanner(space)) {}

  /// A fence at the end of the file, as after an error of the disk.
  void set_fence();
  /// As after a restart of the agent: nothing is remembered but the place.
  void restart(Position from);
  /// All there is to find by now.
  std::vector<Stretch> read();
  Position at() const { return at_; }

 private:
  bool step(std::vector<Stretch>& found);
  void take(const Item& item, const std::vector<char>& memory, Position read_from,
            std::vector<Stretch>& found);

  Space& space_;
  Position at_;
  std::size_t memory_bytes_;
  bool needs_memory_ = false;
  std::unique_ptr<Scanner> scanner_;
};

}  // namespace punchline::fuzz
