#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "buffer/base/result.h"
#include "buffer/descriptor.h"
#include "buffer/posix_file.h"

namespace punchline {

/// Says which buffers may have changed, by inotify(7). A hint that saves waiting for the timer:
/// events may be missing (limits, network and FUSE filesystems, overlay copies) and there may be
/// too many (our own punch is one). Nothing may depend on it but how soon we look.
///
/// Each buffer is watched twice: its inode, for what producers write, deleted or not; and its
/// folder, for its name being created, moved or deleted, so that a new file under the name is
/// noticed at once. Attributes are not watched, since each move of our front would wake us.
/// Move nothing, copy nothing; one thread.
class ChangeWatch {
 public:
  using Id = std::size_t;  ///< The caller's number for a buffer.

  /// Never fails as such: without inotify available() is false, why() says it, and every call does
  /// nothing.
  ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;

  bool available() const { return events_.valid(); }
  std::string why() const { return failure_ ? failure_->message() : std::string(); }

  /// Readable (poll(2)) when drain() has something; -1 if not available(). Non-blocking, ours.
  int fd() const { return events_.fd(); }

  /// Watches the folder of `path` for that name; the file need not exist.
  Status add_name(Id id, const std::string& path);
  /// Watches an open file, whatever its name is now.
  Status add_file(Id id, const PosixFile& file);
  /// Forgets both. Events already queued may still name it.
  void remove(Id id);

  /// The buffers that something has happened to since, each once; all of them if the kernel's queue
  /// ran over or a folder went away. Never blocks.
  Result<std::vector<Id>> drain();
  /// A name of add_name() was created, moved or deleted, or may have been, as drain() has seen since
  /// this was last asked.
  bool take_names_changed() { return std::exchange(names_changed_, false); }

 private:
  struct Name {
    Id id = 0;
    int folder = -1;  // watch descriptor
    std::string name;
  };
  struct File {
    Id id = 0;
    int inode = -1;  // watch descriptor
  };

  Result<int> watch(const std::string& path, std::uint32_t events);
  void drop_if_unused(int descriptor);
  void match(int descriptor, std::uint32_t events, const char* name, std::vector<Id>& changed);
  void match_all(std::vector<Id>& changed) const;

  Descriptor events_;
  std::optional<Error> failure_;  // why there are no events_
  // Few: one of each for a buffer. The kernel gives one descriptor per inode, so two buffers in one
  // folder share it.
  std::vector<Name> names_;
  std::vector<File> files_;
  bool names_changed_ = false;
};

}  // namespace punchline
