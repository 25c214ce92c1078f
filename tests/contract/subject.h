#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/buffer_file.h"

namespace punchline::testing {

/// One file under test, and what producers do to it.
class Subject {
 public:
  virtual ~Subject() = default;
  virtual BufferFile& file() = 0;
  /// Before this call we are readers only.
  virtual void become_writer() = 0;
  virtual void producer_appends(std::string_view text) = 0;
  /// Without O_APPEND, at any offset.
  virtual void producer_writes(std::uint64_t offset, std::string_view text) = 0;
  /// A producer has the file open for writing until producer_closes().
  virtual void producer_opens() = 0;
  virtual void producer_closes() = 0;
};

/// A kind of file on some filesystem.
struct Place {
  std::string name;
  std::function<std::unique_ptr<Subject>()> make;  ///< A new, empty file.
  bool knows_holes = true;                         ///< SEEK_DATA and SEEK_HOLE find holes.
};

Place memory_place();
Place folder_place(const std::string& name, const std::string& folder);

/// All places this executable runs on; each executable defines its own.
const std::vector<Place>& places();

}  // namespace punchline::testing
