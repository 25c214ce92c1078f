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

/// Reports which buffers may have changed, by inotify(7). It is a hint that saves waiting for the
/// timer: events can be missing (limits, network and FUSE filesystems, overlay copies), and there
/// can be too many (our own punch causes one). Nothing but how soon we look may depend on it.
///
/// Each buffer is watched twice. The watch on its inode sees the writes of producers, even if the
/// file is deleted. The watch on its folder sees its name being created, moved or deleted, so that
/// a new file under the name is noticed at once. Attributes are not watched, since each move of our
/// front would wake us. Neither moved nor copied; one thread.
class ChangeWatch {
 public:
  using Id = std::size_t;  ///< The caller's number for a buffer.

  /// Never fails. Without inotify available() is false, why() says why, and the other calls do
  /// nothing.
  ChangeWatch();
  ChangeWatch(const ChangeWatch&) = delete;
  ChangeWatch& operator=(const ChangeWatch&) = delete;

  bool available() const { return events_.valid(); }
  std::string why() const { return failure_ ? failure_->message() : std::string(); }

  /// Readable (poll(2)) when drain() has something to return; -1 if not available(). Non-blocking,
  /// and owned by this object.
  int fd() const { return events_.fd(); }

  /// Watches the folder of `path` for that name. The file need not exist.
  Status add_name(Id id, const std::string& path);
  /// Watches an open file, whatever its name is now.
  Status add_file(Id id, const PosixFile& file);
  /// Ends both watches of `id`. Events that are queued already can still name it.
  void remove(Id id);

  /// The buffers to which something has happened since the last call, each once. All of them if the
  /// kernel's queue ran over; all in a folder that went away. Never blocks.
  Result<std::vector<Id>> drain();
  /// Whether drain() has seen, since the last call of this, that a name of add_name() was created,
  /// moved or deleted, or may have been.
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
  // Few: one of each for a buffer. The kernel gives one watch descriptor per inode, so two buffers
  // in one folder share it.
  std::vector<Name> names_;
  std::vector<File> files_;
  bool names_changed_ = false;
};

}  // namespace punchline
