#include "agent/demo/demo_process.h"

#include <cerrno>
#include <csignal>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace punchline {
namespace {

constexpr int kCannotRun = 127;
constexpr std::chrono::milliseconds kLookEvery{10};

// The list of pointers that execve(2) takes. They point into `texts`, which must outlive it.
std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (auto& text : texts)
    out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_without_ours() {
  std::vector<std::string> kept;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("PUNCHLINE_")) kept.emplace_back(*entry);
  }
  return kept;
}

// Runs in the child. Makes only calls that are allowed between fork and exec in a program with
// threads.
[[noreturn]] void become(pid_t parent, int log_fd, char** arguments, char** environment) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotRun);  // it died before the call above
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(log_fd, STDERR_FILENO);
  execve("/proc/self/exe", arguments, environment);
  _exit(kCannotRun);
}

}  // namespace

Result<DemoProcess> DemoProcess::start(const std::vector<std::string>& arguments,
                                       const std::string& log) {
  auto words = arguments;
  words.insert(words.begin(), "punchline");
  auto variables = environment_without_ours();
  auto word_pointers = pointers(words);
  auto variable_pointers = pointers(variables);
  const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log_fd < 0) return Error::from_errno(errno, "open " + log);
  const auto parent = getpid();
  const auto pid = fork();
  if (pid == 0) become(parent, log_fd, word_pointers.data(), variable_pointers.data());
  const int code = errno;
  close(log_fd);
  if (pid < 0) return Error::from_errno(code, "fork");
  return DemoProcess(pid);
}

DemoProcess::~DemoProcess() {
  kill9();
}

bool DemoProcess::running() const {
  if (pid_ <= 0) return false;
  siginfo_t ended{};  // stays zero while it runs (waitid(2))
  const auto id = static_cast<id_t>(pid_);
  return waitid(P_PID, id, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0;
}

void DemoProcess::kill9() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
}

std::optional<int> DemoProcess::stop(std::chrono::milliseconds limit) {
  if (pid_ <= 0) return std::nullopt;
  kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(pid_, &status, WNOHANG)) == 0) {
    if (std::chrono::steady_clock::now() > deadline) return std::nullopt;
    std::this_thread::sleep_for(kLookEvery);
  }
  pid_ = -1;
  if (ended < 0 || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

}  // namespace punchline
