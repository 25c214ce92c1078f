#include "agent/commands/arguments.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "agent/config/config_error.h"
#include "agent/config/option_value.h"
#include "agent/config/reference.h"
#include "agent/core/version.h"
#include "buffer/base/nearest.h"

namespace punchline {
namespace {

/// A hint for words that are commands of other programs. Empty for any other word.
std::string meant_by(std::string_view word) {
  if (word == "help") return "it is \"punchline --help\"";
  if (word == "version") return "it is \"punchline --version\"";
  if (word == "status") {
    return "\"punchline inspect BUFFER\" shows a buffer, and GET /status a running agent "
           "(run --listen)";
  }
  return "";
}

/// The subcommands of one parse and what they fill in.
class CommandLine {
 public:
  CommandLine() : app_("A persistent pipe from log producers to Kafka.", "punchline") {
    app_.set_version_flag("--version", std::string("punchline ") + kVersion);
    app_.require_subcommand(1);
    app_.footer("Each COMMAND has its own --help. Exit codes:\n" + exit_codes_text());
    add_run("run", "Forward buffers to Kafka");
    add_run("check", "Say yes or no to each thing that run would need");
    app_.add_subcommand("demo", "Broker, producer, agent and a kill -9, in one terminal");
    add_append();
    add_inspect();
    add_verify();
    add_requeue();
  }

  Arguments parse(int argc, const char* const* argv) {
    if (argc > 1) refuse_unknown_command(argv[1]);
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Information{app_.help()};
    } catch (const CLI::CallForAllHelp&) {
      return Information{app_.help("", CLI::AppFormatMode::All)};
    } catch (const CLI::CallForVersion&) {
      return Information{app_.version() + "\n"};
    } catch (const CLI::ExtrasError&) {
      throw ConfigError(ExitCode::usage, extras());
    } catch (const CLI::ParseError& error) {
      throw ConfigError(ExitCode::usage, std::string(error.what()) + " (see --help)");
    }
    return chosen();
  }

 private:
  // CLI11 would only say that a subcommand is required.
  void refuse_unknown_command(const std::string& word) const {
    if (word.empty() || word.front() == '-') return;
    std::vector<std::string> names;
    for (const auto* command : app_.get_subcommands(nullptr))
      names.push_back(command->get_name());
    if (std::ranges::find(names, word) != names.end()) return;
    if (const auto meant = meant_by(word); !meant.empty()) {
      throw ConfigError(ExitCode::usage, "there is no command \"" + word + "\"; " + meant);
    }
    const std::vector<std::string_view> known(names.begin(), names.end());
    throw ConfigError(ExitCode::usage, "there is no command \"" + word + "\"; the nearest is \"" +
                                           std::string(nearest(word, known)) + "\" (see --help)");
  }

  // CLI11's own message names them in the order in which it took them off a stack.
  std::string extras() const {
    const auto words = app_.remaining(true);
    std::string text = app_.get_subcommands().front()->get_name();
    text += words.size() == 1 ? ": an argument that was not expected:"
                              : ": arguments that were not expected:";
    for (const auto& word : words)
      text += " \"" + word + '"';
    return text + " (see --help)";
  }

  void add_run(const std::string& name, const std::string& description) {
    auto* command = app_.add_subcommand(name, description);
    command->footer(options_text());
    for (const auto& option : option_table()) {
      if (option.flag.empty()) continue;
      const std::string flag(option.flag);
      const std::string help(option.help);
      if (option.type == OptionType::boolean) {
        command->add_flag_callback(
            flag, [this, &option] { add_flag(option, "true"); }, help);
        continue;
      }
      command
          ->add_option_function<std::vector<std::string>>(
              flag, [this, &option](const auto& values) { add_flags(option, values); }, help)
          ->type_name(std::string(option.metavar))
          ->type_size(1)
          ->expected(1)
          ->allow_extra_args(false)
          ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
  }

  // One value holds for all buffers. Of two values nobody could say which buffer each is meant for.
  void add_flags(const Option& option, const std::vector<std::string>& values) {
    const bool once = option.flag != "-b,--buffer" && option.flag != "-X";
    if (once && values.size() > 1) {
      throw ConfigError(ExitCode::usage, std::string(option.flag) + " is given " +
                                             std::to_string(values.size()) +
                                             " times; it may be given once, for all buffers");
    }
    for (const auto& value : values)
      add_flag(option, value);
  }
  void add_flag(const Option& option, const std::string& value) {
    run_.flags.push_back({&option, value});
  }

  void add_append() {
    auto* command = app_.add_subcommand("append", "Append the lines of stdin to a buffer");
    command->add_option("BUFFER", append_.path, "The buffer; created if missing")->required();
    command->add_option("--format", format_, "lines or frames")
        ->check(CLI::IsMember({"lines", "frames"}))
        ->default_str("lines");
    command->add_option("--key", append_.key, "Key of each record (frames)");
    command->add_option("--header", headers_, "Header of each record (frames)")
        ->type_name("K=V")
        ->expected(1)
        ->allow_extra_args(false)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    command->add_flag("--sync", append_.sync, "Make it durable before the end");
  }

  void add_inspect() {
    auto* command = app_.add_subcommand("inspect", "State, ranges and holes of a buffer");
    command->add_option("BUFFER", inspect_.path, "The buffer; it is not changed")->required();
    command->add_flag("--json", inspect_.json, "One JSON object instead of text");
  }

  void add_verify() {
    auto* command = app_.add_subcommand("verify", "Whether a buffer is sound: 0 yes, also where "
                                                   "drop_oldest has dropped records; 1 no");
    command->add_option("BUFFER", verify_.options.path, "The buffer; it is not changed")
        ->required();
    command->add_flag("--json", verify_.options.json, "One JSON object instead of text");
  }

  void add_requeue() {
    auto* command = app_.add_subcommand("requeue", "Give what was set aside back to its buffer");
    command->add_option("QUARANTINE", requeue_.quarantine, "BUFFER.quarantine")->required();
    command->add_option("BUFFER", requeue_.buffer, "Where to, if the name does not say it");
    command->add_flag("--force", requeue_.force,
                      "Also what is not proved whole, or comes from another buffer");
  }

  Arguments chosen() {
    if (app_.got_subcommand("append")) return finished_append();
    if (app_.got_subcommand("inspect")) return inspect_;
    if (app_.got_subcommand("verify")) return verify_;
    if (app_.got_subcommand("requeue")) return requeue_;
    if (app_.got_subcommand("demo")) return DemoArguments{};
    run_.check_only = app_.got_subcommand("check");
    return run_;
  }

  AppendOptions finished_append() {
    append_.format = format_ == "frames" ? Format::frames : Format::lines;
    for (const auto& header : headers_) {
      const auto equals = header.find('=');
      if (equals == std::string::npos || equals == 0) {
        throw ConfigError(ExitCode::usage, "--header " + header + ": has to be K=V");
      }
      if (equals > 65'535)
        throw ConfigError(ExitCode::usage, "--header: a name of over 65535 bytes");
      append_.headers.emplace_back(header.substr(0, equals), header.substr(equals + 1));
    }
    return append_;
  }

  CLI::App app_;
  RunArguments run_;
  AppendOptions append_;
  InspectOptions inspect_;
  VerifyArguments verify_;
  RequeueOptions requeue_;
  std::string format_ = "lines";
  std::vector<std::string> headers_;
};

}  // namespace

Arguments parse_arguments(int argc, const char* const* argv) {
  return CommandLine().parse(argc, argv);
}

}  // namespace punchline
