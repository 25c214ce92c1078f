#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.h"

namespace punchline::testing {

/// The real program, as it was built. PUNCHLINE_PROGRAM in the environment names another. All of
/// this throws std::runtime_error if something does not work at all.

/// `punchline` with these arguments.
Command punchline(std::vector<std::string> arguments);

/// What most runs need.
struct RunSetup {
  std::string buffer;
  std::string brokers;
  std::string topic;
  std::vector<std::string> more = {};    ///< Further arguments.
  std::vector<std::string> before = {};  ///< A command that runs the program: strace, sh -c ...
};
Command run_command(const RunSetup& setup);

/// Runs `punchline run --once` to its end. By itself it gives up 10 s before `limit`.
Finished run_once(const RunSetup& setup, std::chrono::seconds limit = std::chrono::seconds(120));

/// A running agent with its HTTP pages on a port of its own. Killed with the object.
class Agent {
 public:
  explicit Agent(const RunSetup& setup);
  /// Any command that runs an agent with HTTP on port 0.
  Agent(std::string buffer, const Command& command);

  Process& process() { return process_; }
  std::string log() const { return process_.err(); }
  /// Waits until the log holds this text.
  [[nodiscard]] bool logs(std::string_view text, Clock::duration limit = std::chrono::seconds(20));

  /// The sum over the series of a metric, or over those whose labels contain `label`
  /// (`code="..."`).
  double metric(const std::string& name, std::string_view label = {});
  /// The body of a page; `status` gets the HTTP status code.
  std::string page(const std::string& path, int* status = nullptr);

  /// Waits until the agent has seen all that is in its buffer now, and none of it waits.
  [[nodiscard]] bool drains(Clock::duration limit = std::chrono::seconds(120));

  /// SIGTERM, and waits.
  Exit stop(Clock::duration limit = std::chrono::seconds(30));
  void kill9() { process_.kill9(); }

 private:
  std::uint16_t port();

  std::string buffer_;
  Process process_;
  std::uint16_t port_ = 0;
};

/// The program's own view of a buffer (`inspect --json`).
struct Inspection {
  std::uint64_t front = 0;
  std::uint64_t logical_bytes = 0;
  std::uint64_t data_bytes = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t waiting_records = 0;
  std::uint64_t waiting_bytes = 0;
  std::size_t set_aside = 0;  ///< Number of entries.
  std::string text;           ///< All of it.
};
Inspection inspect(const std::string& buffer);

/// The files that agents have saved in `folder` from buffers that had been deleted.
std::vector<std::filesystem::path> orphans_in(const std::string& folder);

}  // namespace punchline::testing
