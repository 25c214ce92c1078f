#include "tests/support/process.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace punchline::testing {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> result;
  for (const auto& word : words)
    result.push_back(const_cast<char*>(word.c_str()));
  result.push_back(nullptr);
  return result;
}

// What PUNCHLINE_* variables a test run has, such as its seed, are not meant for the program, which
// would take them for options.
std::vector<std::string> whole_environment(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;  // getenv takes the first that fits
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("PUNCHLINE_")) all.emplace_back(*entry);
  }
  return all;
}

int capture(const std::string& path) {
  const int fd = path.empty() ? memfd_create("output", MFD_CLOEXEC)
                              : open(path.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) fail("open " + path);
  return fd;
}

std::string contents(int fd) {
  std::string text;
  std::array<char, 65536> part;
  ssize_t got = 0;
  while ((got = pread(fd, part.data(), part.size(), static_cast<off_t>(text.size()))) > 0) {
    text.append(part.data(), static_cast<std::size_t>(got));
  }
  return text;
}

// Between fork and exec: nothing here may allocate or lock.
[[noreturn]] void become(pid_t parent, std::array<int, 3> standard, char* const* argv,
                         char* const* environment) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // it died before the line above
  for (int i = 0; i < 3; ++i)
    dup2(standard[static_cast<std::size_t>(i)], i);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  execvpe(argv[0], argv, environment);
  _exit(127);
}

// The counters are complete once it has ended, and can be read until it has been waited for.
void read_io(pid_t pid, Exit& exit) {
  std::ifstream io("/proc/" + std::to_string(pid) + "/io");
  std::uint64_t value = 0;
  for (std::string name; io >> name >> value;) {
    if (name == "wchar:") exit.bytes_written = value;
    if (name == "syscw:") exit.writes = value;
  }
}

Exit describe(int status, const rusage& usage) {
  const auto seconds = [](timeval t) {
    return std::chrono::duration<double>(static_cast<double>(t.tv_sec) +
                                         static_cast<double>(t.tv_usec) / 1e6);
  };
  Exit exit;
  if (WIFEXITED(status)) exit.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
  exit.cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  exit.rss_bytes_max = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;
  return exit;
}

}  // namespace

Process::Process(const Command& command) : title_(joined(command.argv)) {
  int ends[2] = {-1, -1};
  if (command.stdin_path.empty()) {
    if (pipe2(ends, O_CLOEXEC) != 0) fail("pipe");
    ::signal(SIGPIPE, SIG_IGN);  // a child that reads no more is an error of write(), not our end
  } else {
    ends[0] = open(command.stdin_path.c_str(), O_RDONLY | O_CLOEXEC);
    if (ends[0] < 0) fail("open " + command.stdin_path);
  }
  in_ = ends[1];
  out_ = capture(command.stdout_path);
  err_ = capture(command.stderr_path);
  const auto environment = whole_environment(command.environment);
  const auto argv_pointers = pointers(command.argv);
  const auto environment_pointers = pointers(environment);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) fail("fork");
  if (pid_ == 0) {
    become(parent, {ends[0], out_, err_}, argv_pointers.data(), environment_pointers.data());
  }
  setpgid(pid_, pid_);  // also here: whoever is first
  close(ends[0]);
  pid_fd_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (pid_fd_ < 0) fail("pidfd_open");
}

// It throws, and so ends the test, where the process can be neither killed nor waited for.
// NOLINTNEXTLINE(bugprone-exception-escape)
Process::~Process() {
  if (!exit_) kill9();
  close_input();
  close(pid_fd_);
  close(out_);
  close(err_);
}

std::optional<Exit> Process::wait(Clock::duration limit) {
  if (exit_) return exit_;
  const auto deadline = Clock::now() + limit;
  pollfd ended{.fd = pid_fd_, .events = POLLIN, .revents = 0};
  int ready = 0;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    ready = poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) return std::nullopt;
  int status = 0;
  rusage usage{};
  Exit io;
  read_io(pid_, io);
  if (wait4(pid_, &status, 0, &usage) != pid_) fail("wait4");
  exit_ = describe(status, usage);
  exit_->bytes_written = io.bytes_written;
  exit_->writes = io.writes;
  return exit_;
}

Exit Process::finish(Clock::duration limit) {
  const auto exit = wait(limit);
  if (exit) return *exit;
  throw std::runtime_error("did not end in time: " + title_ + "\n" + out() + err());
}

void Process::signal(int number) const {
  if (!exit_ && ::kill(pid_, number) != 0) fail("kill " + title_);
}

Exit Process::kill9() {
  if (exit_) return *exit_;
  ::kill(-pid_, SIGKILL);
  return finish(std::chrono::seconds(30));
}

void Process::send(std::string_view text) const {
  while (!text.empty()) {
    const auto put = write(in_, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail("write to " + title_);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Process::close_input() {
  if (in_ >= 0) close(in_);
  in_ = -1;
}

std::string Process::out() const {
  return contents(out_);
}
std::string Process::err() const {
  return contents(err_);
}

Finished run(const Command& command, Clock::duration limit) {
  Process process(command);
  const auto exit = process.finish(limit);
  return {exit, process.out(), process.err()};
}

ThreadTimes thread_times(pid_t pid) {
  ThreadTimes times;
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::string name;
    std::int64_t busy_ns = 0;
    std::ifstream(task.path() / "comm") >> name;
    std::ifstream(task.path() / "schedstat") >> busy_ns;
    (name.starts_with("rdk:") ? times.client : times.ours) += std::chrono::nanoseconds(busy_ns);
  }
  return times;
}

}  // namespace punchline::testing
