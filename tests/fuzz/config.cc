// A config file, variables of the environment and a listen address of any text: refused with a
// ConfigError, or a configuration that keeps to the ranges of the option table.

#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

#include "agent/config/config_error.h"
#include "agent/config/config_load.h"
#include "agent/config/listen_address.h"
#include "agent/config/options.h"
#include "tests/fuzz/input.h"

namespace punchline::fuzz {
namespace {

/// A file that is only memory, under a path of its own.
class Text {
 public:
  explicit Text(std::string_view text) : fd_(memfd_create("fuzz", 0)) {
    must(write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size()), "written");
  }
  ~Text() { close(fd_); }
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

void check_range(const Option& option, const OptionValue& value) {
  const auto* number = std::get_if<std::uint64_t>(&value);
  if (number == nullptr || option.max == 0) return;
  must(option.min <= *number && *number <= option.max, "a number is in its range");
}

void check(const Config& config) {
  must(!config.buffers.empty(), "there is a buffer");
  for (const auto& option : option_table()) {
    if (option.field.get == nullptr) continue;
    for (const auto& buffer : config.buffers)
      if (option.scope == OptionScope::buffer)
        check_range(option, option.field.get(config, buffer));
    // A time limit of --once may be missing, which no range knows.
    if (option.scope == OptionScope::top)
      check_range(option, option.field.get(config, config.buffers.front()));
  }
}

/// "NAME=value" on each line.
Environment environment_of(std::string_view text) {
  Environment variables;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    const auto equals = std::min(line.find('='), line.size());
    variables.emplace_back("PUNCHLINE_" + std::string(line.substr(0, equals)),
                           line.substr(std::min(equals + 1, line.size())));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return variables;
}

void load(std::string_view file, const Environment& environment) {
  const Text text(file);
  const auto* option = find_option(OptionScope::command, "config");
  try {
    const auto loaded =
        load_config({{option, text.path()}}, environment, [](const std::string& name) {
          return name.size() % 2 == 0 ? Status() : Error(ErrorKind::refused, 0, name);
        });
    check(loaded.config);
  } catch (const ConfigError& error) {
    must(error.what()[0] != '\0', "a refusal has a reason");
  }
}

void check_address(std::string_view text) {
  const auto address = parse_listen_address(text);
  if (!address) return;
  const auto again = parse_listen_address(format_address(*address));
  must(again.has_value(), "an address that was written can be read");
  must(again->host == address->host && again->port == address->port, "and is the same");
}

}  // namespace
}  // namespace punchline::fuzz

// The file up to the first NUL, the environment up to the next, then an address.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace punchline::fuzz;
  const auto take = [](std::string_view& text) {
    const auto part = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    return part;
  };
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = take(text);
  const auto environment = environment_of(take(text));
  load(file, environment);
  check_address(text);
  return 0;
}
