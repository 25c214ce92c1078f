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

std::vector<std::filesystem::path> read_each(const std::string& bootstrap, const std::string& topic,
                                             std::int32_t count,
                                             const std::filesystem::path& folder,
                                             const std::vector<std::string>& more) {
  std::vector<std::filesystem::path> files;
  for (std::int32_t partition = 0; partition < count; ++partition) {
    const auto number = std::to_string(partition);
    files.push_back(folder / (topic + "." + number));
    Command command{.argv = {"kcat", "-C", "-q", "-b", bootstrap, "-t", topic, "-p", number, "-o",
                             "beginning", "-e", "-X", "check.crcs=true"},
                    .stdout_path = files.back()};
    command.argv.insert(command.argv.end(), more.begin(), more.end());
    run_kcat(command);
  }
  return files;
}

}  // namespace

std::vector<std::filesystem::path> read_topic(const std::string& bootstrap,
                                              const std::string& topic, std::int32_t count,
                                              const std::filesystem::path& folder) {
  return read_each(bootstrap, topic, count, folder, {});
}

std::vector<std::filesystem::path> read_topic_whole(const std::string& bootstrap,
                                                    const std::string& topic, std::int32_t count,
                                                    const std::filesystem::path& folder) {
  return read_each(bootstrap, topic, count, folder, {"-f", "%T %K %S %k|%s|%h\\n"});
}

void send_lines(const std::string& bootstrap, const std::string& topic, const std::string& path,
                std::chrono::milliseconds limit) {
  run_kcat({.argv = {"kcat", "-P", "-q", "-b", bootstrap, "-t", topic, "-l", path, "-X", "acks=all",
                     "-X", "message.timeout.ms=" + std::to_string(limit.count())}});
}

}  // namespace punchline::testing
