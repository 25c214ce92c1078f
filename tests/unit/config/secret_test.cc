#include <sys/stat.h>
#include <unistd.h>

#include "agent/config/config_error.h"
#include "agent/config/config_load.h"
#include "agent/config/kafka_config.h"
#include "agent/config/secret_file.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::TempDir;
using punchline::testing::write_file;
using namespace Catch::Matchers;

namespace {

constexpr const char* kSecret = "hunter2-s3cret";

const Option& option_named(std::string_view key, OptionScope scope) {
  return *find_option(scope, key);
}

Status check_property(const std::string& name) {
  if (name == "sasl.password" || name == "acks") return {};
  return Error(ErrorKind::refused, 0, "no property " + name);
}

/// A start from a config file with these properties, beside what each start needs.
class Start {
 public:
  explicit Start(const std::string& properties) {
    write_file(path_, R"({"buffers": [{"path": "/x/a", "topic": "t"}], "kafka": {)"
                      R"("bootstrap.servers": "k")" +
                          (properties.empty() ? "" : ", " + properties) + "}}");
  }
  LoadedConfig load(const Environment& environment = {},
                    const std::vector<std::string>& properties = {}) const {
    std::vector<FlagValue> flags = {{&option_named("config", OptionScope::command), path_}};
    for (const auto& each : properties)
      flags.push_back({&option_named("*", OptionScope::kafka), each});
    return load_config(flags, environment, check_property);
  }
  std::string error(const Environment& environment = {},
                    const std::vector<std::string>& properties = {}) const {
    try {
      load(environment, properties);
    } catch (const ConfigError& error) {
      return std::to_string(static_cast<int>(error.code())) + " " + error.what();
    }
    return "no error";
  }
  std::string file(const std::string& name) const { return dir_.file(name); }

 private:
  TempDir dir_{"secret_test"};
  std::string path_ = dir_.file("punchline.json");
};

std::string in_file(const std::string& property, const std::string& path) {
  return '"' + property + R"(": {"file": ")" + path + "\"}";
}

const std::string kAllowed =
    "; allowed: a readable regular file of 1 byte to 64 KiB without NUL bytes";

}  // namespace

TEST_CASE("a property is read from a file, but for one newline at its end") {
  const TempDir dir("secret");
  const auto path = dir.file("password");
  const auto value = [&](const std::string& text) {
    write_file(path, text);
    const auto config = Start(in_file("sasl.password", path)).load().config;
    CHECK(config.kafka_files.at("sasl.password") == path);
    return config.kafka.at("sasl.password");
  };
  CHECK(value("s3cret") == "s3cret");
  CHECK(value("s3cret\n") == "s3cret");
  CHECK(value(" s3 cret \r\n\n") == " s3 cret \r\n");
  CHECK(value(std::string(kSecretBytesMax, 'x')) == std::string(kSecretBytesMax, 'x'));
}

TEST_CASE("a file that holds no value is one error with key, path and what is allowed") {
  const TempDir dir("secret");
  const auto path = dir.file("password");
  const auto error = [&] {
    const Start start(in_file("sasl.password", path));
    auto text = start.error();
    if (const auto at = text.find(start.file("")); at != text.npos) {
      text.replace(at, start.file("punchline.json").size(), "FILE");
    }
    return text;
  };
  const auto expected = [&](const std::string& why) {
    return "78 FILE: kafka.sasl.password: file " + path + ": " + why + kAllowed;
  };
  CHECK(error() == expected("No such file or directory"));
  write_file(path, "");
  CHECK(error() == expected("is empty"));
  write_file(path, "\n");
  CHECK(error() == expected("is empty"));
  write_file(path, std::string(kSecretBytesMax + 1, 'x'));
  CHECK(error() == expected("is larger than 64 KiB"));
  write_file(path, std::string("a\0b", 3));
  CHECK(error() == expected("holds a NUL byte"));
  ::unlink(path.c_str());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(error() == expected("is not a regular file"));
  ::unlink(path.c_str());
  REQUIRE(::symlink(path.c_str(), path.c_str()) == 0);
  CHECK(error() == expected("Too many levels of symbolic links"));
}

TEST_CASE("anything but {\"file\": PATH} is refused, unseen") {
  for (const char* value : {R"({"fil": "hunter2-s3cret"})", R"({"file": ["hunter2-s3cret"]})",
                            R"({"file": "/x", "hunter2-s3cret": 1})", R"(["hunter2-s3cret"])"}) {
    const auto error = Start(std::string("\"sasl.password\": ") + value).error();
    CHECK_THAT(error, StartsWith("78 ") &&
                          Contains(R"(kafka.sasl.password: this has to be text, a number, true, )"
                                   R"(false or {"file": "PATH"})"));
    CHECK_THAT(error, !Contains(kSecret));
  }
}

TEST_CASE("a variable that ends with _FILE names the file") {
  const TempDir dir("secret");
  const auto path = dir.file("password");
  write_file(path, "from-file\n");
  const Start start("\"sasl.password\": \"from-config\"");
  const auto config = start.load({{"PUNCHLINE_KAFKA_SASL_PASSWORD_FILE", path}}).config;
  CHECK(config.kafka.at("sasl.password") == "from-file");
  CHECK(config.kafka_files.at("sasl.password") == path);
  CHECK(start.error({{"PUNCHLINE_KAFKA_SASL_PASSWORD_FILE", "/nowhere/x"}}) ==
        "78 PUNCHLINE_KAFKA_SASL_PASSWORD_FILE: file /nowhere/x: No such file or directory" +
            kAllowed);
  CHECK(start.error({{"PUNCHLINE_KAFKA_SASL_PASSWORD_FILE", path},
                     {"PUNCHLINE_KAFKA_SASL_PASSWORD", kSecret}}) ==
        "78 PUNCHLINE_KAFKA_SASL_PASSWORD_FILE and PUNCHLINE_KAFKA_SASL_PASSWORD both give "
        "sasl.password; allowed: one of them");
  const auto other = start.load({{"PUNCHLINE_KAFKA_PASSWORT_FILE", path}});
  REQUIRE(other.warnings.size() == 1);
  CHECK_THAT(other.warnings[0], Contains("librdkafka has no property passwort.file"));
}

TEST_CASE("what wins over a file is no value from a file any more") {
  const TempDir dir("secret");
  const auto path = dir.file("password");
  write_file(path, "from-file\n");
  const Start start(in_file("sasl.password", path));
  auto config = start.load({{"PUNCHLINE_KAFKA_SASL_PASSWORD", "from-environment"}}).config;
  CHECK(config.kafka.at("sasl.password") == "from-environment");
  CHECK(config.kafka_files.empty());
  config = start.load({{"PUNCHLINE_KAFKA_SASL_PASSWORD_FILE", path}}, {"sasl.password=f"}).config;
  CHECK(config.kafka.at("sasl.password") == "f");
  CHECK(config.kafka_files.empty());
}

TEST_CASE("a secret among the arguments is warned about, without its text") {
  const Start start("");
  const auto loaded = start.load(
      {}, {"sasl.password=hunter2-s3cret", "ssl.key.password=hunter2-s3cret", "acks=all"});
  REQUIRE(loaded.warnings.size() == 2);
  CHECK_THAT(
      loaded.warnings[0],
      StartsWith("-X sasl.password: everybody on this machine can read it") && !Contains(kSecret));
  CHECK_THAT(loaded.warnings[1], StartsWith("-X ssl.key.password: "));
  CHECK(start.error({}, {"sasl.password:hunter2-s3cret"}) ==
        "64 -X (hidden): has to be property=value");
}

TEST_CASE("the text around a mistake in JSON is not shown") {
  for (const char* broken :
       {R"("sasl.password": "hunter2-s3cret)", R"("sasl.password": "hunter2-s3cret\q")",
        R"("sasl.password": hunter2-s3cret)", R"("sasl.password" "hunter2-s3cret")"}) {
    const auto error = Start(broken).error();
    INFO(error);
    CHECK_THAT(error, StartsWith("78 ") && Contains("syntax error") && !Contains("hunter2"));
    CHECK_THAT(error, !Contains("; last read"));
  }
}

TEST_CASE("a refused value out of a file is not shown") {
  const TempDir dir("secret");
  write_file(dir.file("acks"), "hunter2-s3cret");
  const auto config = Start(in_file("acks", dir.file("acks"))).load().config;
  const auto settings = kafka_settings(config);
  REQUIRE_FALSE(settings.ok());
  CHECK_THAT(settings.error().message(), StartsWith("kafka property acks = (hidden) is refused"));
}

TEST_CASE("passwords are read anew for each client, nothing else is") {
  const TempDir dir("secret");
  write_file(dir.file("password"), "old");
  write_file(dir.file("acks"), "all");
  const auto config = Start(in_file("sasl.password", dir.file("password")) + ", " +
                            in_file("acks", dir.file("acks")))
                          .load()
                          .config;
  const auto settings = kafka_settings(config);
  REQUIRE(settings.ok());
  CHECK(settings->properties.at("sasl.password") == "old");
  write_file(dir.file("password"), "new\n");
  write_file(dir.file("acks"), "0");
  CHECK(settings->credentials() == KafkaProperties{{"sasl.password", "new"}});
  ::unlink(dir.file("password").c_str());
  CHECK(settings->credentials().empty());
  CHECK(kafka_settings(Start("").load().config)->credentials == nullptr);
}
