#include "agent/config/config_load.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include <unistd.h>

#include "agent/config/config_error.h"
#include "agent/config/config_file.h"
#include "agent/config/config_rules.h"
#include "agent/config/option_value.h"
#include "agent/config/secret_file.h"
#include "buffer/base/nearest.h"
#include "sinks/kafka_settings.h"

namespace punchline {
namespace {

constexpr std::string_view kPrefix = "PUNCHLINE_";
constexpr std::string_view kPropertyPrefix = "PUNCHLINE_KAFKA_";
constexpr std::string_view kFileSuffix = "_FILE";

/// One value from one source, on its way into the Config.
struct Setting {
  const Option* option;
  RawValue value;
  std::string where;
  ExitCode code;         // if the value does not fit
  std::string property;  // with option "*"
};

const Option& property_option() {
  return *find_option(OptionScope::kafka, "*");
}

Setting setting_of_flag(const FlagValue& flag) {
  Setting setting{flag.option, {RawValue::Kind::untyped, flag.value}, "", ExitCode::usage, ""};
  const auto names = flag.option->flag;
  setting.where = names.substr(names.find(',') == names.npos ? 0 : names.find(',') + 1);
  if (flag.option->key != "*") return setting;
  const auto equals = flag.value.find('=');
  if (equals == std::string::npos || equals == 0) {
    const auto shown = is_secret_property(flag.value) ? "(hidden)" : flag.value;
    throw ConfigError(ExitCode::usage, "-X " + shown + ": has to be property=value");
  }
  setting.property = flag.value.substr(0, equals);
  setting.value.text = flag.value.substr(equals + 1);
  return setting;
}

// PUNCHLINE_KAFKA_SASL_PASSWORD -> sasl.password
std::string property_name(std::string_view variable) {
  std::string name(variable.substr(kPropertyPrefix.size()));
  for (auto& c : name)
    c = c == '_' ? '.' : static_cast<char>(std::tolower(c));
  return name;
}

std::vector<std::string_view> known_variables() {
  std::vector<std::string_view> names;
  for (const auto& option : option_table()) {
    if (option.key != "*") names.push_back(option.environment);
  }
  return names;
}

/// PUNCHLINE_KAFKA_SASL_PASSWORD_FILE=/run/secrets/x, as containers have it.
std::optional<Setting> setting_of_file_variable(const std::string& name, const std::string& path,
                                                const CheckProperty& check_property) {
  if (!name.ends_with(kFileSuffix)) return std::nullopt;
  const auto variable = std::string_view(name).substr(0, name.size() - kFileSuffix.size());
  if (!variable.starts_with(kPropertyPrefix)) return std::nullopt;
  const auto property = property_name(variable);
  if (!check_property(property)) return std::nullopt;
  return Setting{
      &property_option(), {RawValue::Kind::file, path}, name, ExitCode::config, property};
}

/// A variable that is not ours is not an error. For services named punchline and punchline-kafka,
/// Kubernetes sets PUNCHLINE_PORT, PUNCHLINE_KAFKA_SERVICE_HOST and the like.
std::optional<Setting> setting_of_variable(const std::string& name, const std::string& value,
                                           const CheckProperty& check_property) {
  const RawValue raw{RawValue::Kind::untyped, value};
  for (const auto& option : option_table()) {
    if (option.key != "*" && option.environment == name) {
      return Setting{&option, raw, name, ExitCode::config, ""};
    }
  }
  if (!name.starts_with(kPropertyPrefix)) return std::nullopt;
  if (const auto property = property_name(name); check_property(property)) {
    return Setting{&property_option(), raw, name, ExitCode::config, property};
  }
  return setting_of_file_variable(name, value, check_property);
}

/// Refuses a property that comes from two variables: their order in the environment means nothing.
class PropertiesOnce {
 public:
  void take(const Setting& setting) {
    if (setting.property.empty()) return;
    const auto [other, fresh] = variables_.emplace(setting.property, setting.where);
    if (fresh) return;
    throw ConfigError(ExitCode::config, other->second + " and " + setting.where + " both give " +
                                            setting.property + "; allowed: one of them");
  }

 private:
  std::map<std::string, std::string> variables_;
};

std::string ignored(const std::string& name) {
  if (name.starts_with(kPropertyPrefix)) {
    return "environment: " + name + " is ignored: librdkafka has no property " +
           property_name(name);
  }
  return "environment: " + name + " is ignored: it is not an option; the nearest is " +
         std::string(nearest(name, known_variables()));
}

/// ${NAME} becomes the variable's value. Any other '$' stays.
std::string expanded(const std::string& text, const Environment& environment,
                     const std::string& where) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const auto begin = std::min(text.find("${", at), text.size());
    result.append(text, at, begin - at);
    if (begin == text.size()) break;
    const auto end = text.find('}', begin);
    const auto name = text.substr(begin + 2, end - begin - 2);
    const auto known = std::ranges::find(environment, name, &Environment::value_type::first);
    if (end == std::string::npos || known == environment.end()) {
      throw ConfigError(ExitCode::config,
                        where + ": \"" + text + "\": " +
                            (end == std::string::npos ? "\"${\" without its \"}\""
                                                      : "the environment has no variable " + name));
    }
    result += known->second;
    at = end + 1;
  }
  return result;
}

void expand_variables(BufferConfig& buffer, const Environment& environment) {
  const auto expand = [&](std::string& text, const std::string& key) {
    text = expanded(text, environment, "buffer " + buffer.path + ": " + key);
  };
  expand(buffer.topic, "topic");
  expand(buffer.dead_letter_topic, "dead_letter_topic");
  expand(buffer.key_constant, "key_constant");
  for (auto& [name, value] : buffer.headers)
    expand(value, "header " + name);
}

void warn_of_sizes(const Config& config, std::vector<std::string>& warnings) {
  for (const auto& buffer : config.buffers) {
    if (buffer.bytes_max == 0 && buffer.when_full != WhenFull::keep) {
      warnings.push_back("buffer " + buffer.path + ": when_full says nothing without bytes_max");
    }
    if (buffer.bytes_max == 0 || buffer.bytes_max >= buffer.record_bytes_max) continue;
    warnings.push_back("buffer " + buffer.path + ": bytes_max " + format_bytes(buffer.bytes_max) +
                       " is below record_bytes_max " + format_bytes(buffer.record_bytes_max) +
                       ": one record may be more than the buffer is to hold");
  }
}

/// Anybody who may list processes can read their arguments.
void warn_of_visible_secrets(const std::vector<FlagValue>& flags,
                             std::vector<std::string>& warnings) {
  std::set<std::string> names;
  for (const auto& flag : flags) {
    const auto name = flag.value.substr(0, flag.value.find('='));
    if (flag.option->key == "*" && is_secret_property(name)) names.insert(name);
  }
  for (const auto& name : names) {
    warnings.push_back("-X " + name + ": everybody on this machine can read it in the list of " +
                       "processes; give it as {\"file\": \"PATH\"} in the config file, or by a " +
                       "variable " + std::string(kPropertyPrefix) + "..._FILE");
  }
}

class Loader {
 public:
  Loader(const Environment& environment, const CheckProperty& check_property)
      : environment_(environment), check_property_(check_property) {}

  void take_file(const std::string& path, ConfigReading reading) {
    has_file_ = true;
    const auto file = parse_config_file(read_config_file(path, reading), path);
    config_.buffers.resize(file.buffers);
    for (const auto& entry : file.entries)
      take_entry(entry);
  }

  void take(const Setting& setting) {
    const auto& option = *setting.option;
    if (option.key == "config") return;
    if (option.scope == OptionScope::kafka) {
      const auto& name = option.key == "*" ? setting.property : std::string(option.key);
      take_property(name, setting.value, setting.where);
    } else if (option.scope != OptionScope::buffer) {
      BufferConfig none;
      option.field.set(config_, none, converted(setting));
    } else if (option.key == "path") {
      added_.emplace_back().path = setting.value.text;
    } else if (option.key == "topic") {
      added_topic_ = setting;
    } else {
      for_all_.push_back(setting);
    }
  }

  Config finish() {
    apply_topic();
    std::ranges::move(added_, std::back_inserter(config_.buffers));
    for (const auto& setting : for_all_) {
      const auto value = converted(setting);
      for (auto& buffer : config_.buffers)
        setting.option->field.set(config_, buffer, value);
    }
    for (auto& buffer : config_.buffers)
      expand_variables(buffer, environment_);
    refuse_misspelt_brokers();
    check_config(config_, has_file_ ? ExitCode::config : ExitCode::usage);
    add_quarantines(config_);
    return std::move(config_);
  }

 private:
  static OptionValue converted(const Setting& setting) {
    return convert(*setting.option, setting.value, setting.where, setting.code);
  }

  // The value may be a secret, so no error text contains it.
  void take_property(const std::string& name, const RawValue& value, const std::string& where) {
    config_.kafka_files.erase(name);
    if (value.kind == RawValue::Kind::other || value.kind == RawValue::Kind::object) {
      throw ConfigError(ExitCode::config, where +
                                              ": this has to be text, a number, true, false or "
                                              "{\"file\": \"PATH\"}");
    }
    if (value.kind != RawValue::Kind::file) {
      config_.kafka[name] = value.text;
      return;
    }
    auto text = read_secret(value.text);
    if (!text) throw SecretFileError(ExitCode::config, where + ": " + text.error().message());
    config_.kafka[name] = std::move(*text);
    config_.kafka_files[name] = value.text;
  }

  void take_entry(const FileEntry& entry) {
    if (entry.scope == OptionScope::kafka) {
      return take_property(entry.key, entry.value, entry.where);
    }
    const auto& option = *find_option(entry.scope, entry.key);
    const auto value = convert(option, entry.value, entry.where, ExitCode::config);
    BufferConfig none;
    auto& buffer = entry.scope == OptionScope::buffer ? config_.buffers[entry.buffer] : none;
    option.field.set(config_, buffer, value);
  }

  // --topic without -b would be ignored, which is not what its writer meant. In the environment it
  // may be meant for starts of another kind, and is ignored.
  void apply_topic() {
    if (!added_topic_) return;
    if (added_.empty() && added_topic_->code == ExitCode::usage) {
      throw ConfigError(ExitCode::usage, "--topic is for buffers given by -b, and there is none");
    }
    for (auto& buffer : added_)
      buffer.topic = added_topic_->value.text;
  }

  // "No brokers given" does not help somebody who has written bootstrap.server.
  void refuse_misspelt_brokers() const {
    if (has_brokers(config_)) return;
    for (const auto& [name, value] : config_.kafka) {
      const auto known = check_property_(name);
      if (!known) throw ConfigError(ExitCode::config, known.error().message());
    }
  }

  const Environment& environment_;
  const CheckProperty& check_property_;
  Config config_;
  std::vector<BufferConfig> added_;     // by -b and PUNCHLINE_BUFFER
  std::optional<Setting> added_topic_;  // for these
  std::vector<Setting> for_all_;        // other buffer options, for every buffer
  bool has_file_ = false;
};

std::string config_path(const std::vector<Setting>& settings) {
  std::string path;
  for (const auto& setting : settings) {
    if (setting.option->key == "config") path = setting.value.text;
  }
  return path;
}

}  // namespace

LoadedConfig load_config(const std::vector<FlagValue>& flags, const Environment& environment,
                         const CheckProperty& check_property, ConfigReading reading) {
  LoadedConfig loaded;
  std::vector<Setting> settings;  // later ones win
  PropertiesOnce once;
  for (const auto& [name, value] : environment) {
    if (!name.starts_with(kPrefix)) continue;
    auto setting = setting_of_variable(name, value, check_property);
    if (setting) {
      once.take(*setting);
      settings.push_back(std::move(*setting));
    } else {
      loaded.warnings.push_back(ignored(name));
    }
  }
  std::ranges::transform(flags, std::back_inserter(settings), setting_of_flag);
  warn_of_visible_secrets(flags, loaded.warnings);

  Loader loader(environment, check_property);
  if (const auto path = config_path(settings); !path.empty()) loader.take_file(path, reading);
  for (const auto& setting : settings)
    loader.take(setting);
  loaded.config = loader.finish();
  warn_of_sizes(loaded.config, loaded.warnings);
  return loaded;
}

Environment process_environment() {
  Environment variables;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    variables.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

}  // namespace punchline
