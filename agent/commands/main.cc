#include <csignal>
#include <cstdio>
#include <exception>
#include <type_traits>

#include <fcntl.h>
#include <unistd.h>

#include "agent/commands/arguments.h"
#include "agent/commands/commands.h"
#include "agent/config/config_error.h"
#include "agent/config/config_load.h"
#include "agent/show/stderr_log.h"
#include "sinks/kafka_client.h"

namespace punchline {
namespace {

ExitCode run_or_check(const RunArguments& arguments) {
  const auto load = [&](ConfigReading reading) {
    return load_config(arguments.flags, process_environment(), check_kafka_property, reading);
  };
  const auto loaded = load(ConfigReading::may_wait);
  const auto log = stderr_log(loaded.config.log_level, loaded.config.log_format);
  for (const auto& warning : loaded.warnings)
    log->warning("{}", warning);
  if (arguments.check_only) return command_check(loaded.config);
  return command_run(
      loaded.config, [&] { return load(ConfigReading::regular_files_only).config; }, *log);
}

ExitCode dispatch(const Arguments& arguments) {
  return std::visit(
      [](const auto& chosen) {
        using T = std::decay_t<decltype(chosen)>;
        if constexpr (std::is_same_v<T, RunArguments>) return run_or_check(chosen);
        if constexpr (std::is_same_v<T, DemoArguments>) return command_demo();
        if constexpr (std::is_same_v<T, AppendOptions>) return command_append(chosen);
        if constexpr (std::is_same_v<T, InspectOptions>) return command_inspect(chosen);
        if constexpr (std::is_same_v<T, VerifyArguments>) return command_verify(chosen.options);
        if constexpr (std::is_same_v<T, RequeueOptions>) {
          return command_requeue(chosen, *stderr_log(LogLevel::warning, LogFormat::text));
        }
        if constexpr (std::is_same_v<T, Information>) {
          std::fputs(chosen.text.c_str(), stdout);
          return ExitCode::ok;
        }
      },
      arguments);
}

// If one of them were closed, the next file opened would take its number, and what is printed would
// go into a buffer.
void keep_standard_streams() {
  int fd = 0;
  do {
    fd = ::open("/dev/null", O_WRONLY);  // reading from it stays the error it was
  } while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0) ::close(fd);
}

}  // namespace
}  // namespace punchline

int main(int argc, char** argv) {
  punchline::keep_standard_streams();
  // A limit on file sizes is an error like a full disk, not a reason to die in mid-write.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    return static_cast<int>(punchline::dispatch(punchline::parse_arguments(argc, argv)));
  } catch (const punchline::ConfigError& error) {
    std::fprintf(stderr, "punchline: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    // Out of memory, or an exception of a library: none of our code throws after the config is
    // loaded.
    std::fprintf(stderr, "punchline: %s\n", error.what());
    return static_cast<int>(punchline::ExitCode::io);
  }
}
