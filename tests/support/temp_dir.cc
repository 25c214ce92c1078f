#include "tests/support/temp_dir.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace punchline::testing {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::filesystem::path parent_folder(TempDir::Where where) {
  if (where == TempDir::Where::memory && access("/dev/shm", W_OK | X_OK) == 0) return "/dev/shm";
  return std::filesystem::temp_directory_path();
}

// Forked twice, so that it is nobody's child: a test runner that kills a test with all of its
// children does not reach it. The script waits for the pipe's other end to close.
int start_warden(const std::filesystem::path& folder) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
  const std::string text = folder;
  const pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    dup2(ends[0], STDIN_FILENO);
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, ~0U, 0);
    execl("/bin/sh", "sh", "-c", "trap '' INT TERM HUP; cat; rm -rf -- \"$1\"", "sh", text.c_str(),
          static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return ends[1];
}

}  // namespace

TempDir::TempDir(std::string_view name, Where where) {
  std::string pattern = parent_folder(where) / ("punchline-" + std::string(name) + "-XXXXXX");
  if (mkdtemp(pattern.data()) == nullptr) fail("create " + pattern);
  path_ = pattern;
  warden_ = start_warden(path_);
}

TempDir::~TempDir() {
  std::error_code ignored;  // what we cannot remove the warden tries once more
  std::filesystem::remove_all(path_, ignored);
  close(warden_);
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) fail("open " + path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) fail("write " + path.string());
}

std::uint64_t allocated_bytes(const std::filesystem::path& path) {
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) fail("stat " + path.string());
  return static_cast<std::uint64_t>(facts.st_blocks) * 512;
}

}  // namespace punchline::testing
