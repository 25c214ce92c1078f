#include "tests/support/kcat.h"

#include <stdexcept>

#include "tests/support/process.h"

namespace punchline::testing {
namespace {

constexpr auto kPatience = std::chrono::minutes(5);

void run_kcat(const Command& command) {
  const auto result = run(command, kPatience);
  if (result.exit.code != 0) throw std::runtime_error("kcat failed: " + result.err);
}

}  // namespace

std::vector<std::filesystem::path> read_topic(const std::string& bootstrap,
                                              const std::string& topic, std::int32_t count,
                                              const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (std::int32_t partition = 0; partition < count; ++partition) {
    const auto number = std::to_string(partition);
    files.push_back(folder / (topic + "." + number));
    run_kcat({.argv = {"kcat", "-C", "-q", "-b", bootstrap, "-t", topic, "-p", number, "-o",
                       "beginning", "-e", "-X", "check.crcs=true"},
              .stdout_path = files.back()});
  }
  return files;
}

void send_lines(const std::string& bootstrap, const std::string& topic, const std::string& path) {
  run_kcat({.argv = {"kcat", "-P", "-q", "-b", bootstrap, "-t", topic, "-l", path}});
}

}  // namespace punchline::testing
