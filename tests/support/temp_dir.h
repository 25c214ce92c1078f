#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace punchline::testing {

/// A folder of its own for one test. It is removed with the object, and also if the test is
/// killed: a small process of its own waits for the test's end and removes it then.
class TempDir {
 public:
  enum class Where {
    disk,    ///< $TMPDIR or /tmp.
    memory,  ///< /dev/shm if that can be written, else as `disk`.
  };

  /// Throws std::runtime_error if the folder cannot be made. `name` helps people who find it.
  explicit TempDir(std::string_view name, Where where = Where::disk);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
  int warden_ = -1;  // a pipe to the process that removes the folder once this end is closed
};

/// Contents of a whole file; throws std::runtime_error if it cannot be read.
std::string read_file(const std::filesystem::path& path);
/// Creates or replaces it; throws std::runtime_error.
void write_file(const std::filesystem::path& path, std::string_view text);
/// The bytes that the file occupies (st_blocks * 512); throws std::runtime_error.
std::uint64_t allocated_bytes(const std::filesystem::path& path);

}  // namespace punchline::testing
