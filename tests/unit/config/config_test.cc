#include <filesystem>
#include <thread>

#include <sys/stat.h>

#include "agent/config/config_changes.h"
#include "agent/config/config_error.h"
#include "agent/config/config_load.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

using namespace punchline;
using punchline::testing::TempDir;
using punchline::testing::write_file;
using namespace Catch::Matchers;

namespace {

const Option& option_of_flag(std::string_view flag) {
  for (const auto& option : option_table()) {
    if (option.flag == flag || option.flag.ends_with("," + std::string(flag))) return option;
  }
  throw std::logic_error("no such flag in the table");
}

using Flags = std::vector<std::pair<std::string_view, std::string>>;

std::vector<FlagValue> flag_values(const Flags& flags) {
  std::vector<FlagValue> values;
  for (const auto& [flag, value] : flags)
    values.push_back({&option_of_flag(flag), value});
  return values;
}

Status check_property(const std::string& name) {
  if (name == "linger.ms" || name == "sasl.password") return {};
  return Error(ErrorKind::refused, 0, "no property " + name);
}

Config load(const Flags& flags, const Environment& environment = {}) {
  return load_config(flag_values(flags), environment, check_property).config;
}

/// The error of a start, as "CODE text".
std::string error_of(const Flags& flags, const Environment& environment = {}) {
  try {
    load(flags, environment);
  } catch (const ConfigError& error) {
    return std::to_string(static_cast<int>(error.code())) + " " + error.what();
  }
  return "no error";
}

/// A start from a config file with this text.
class FromFile {
 public:
  explicit FromFile(std::string_view text) { write_file(path_, text); }

  Config load(Flags flags = {}, const Environment& environment = {}) const {
    flags.insert(flags.begin(), {"--config", path_});
    return ::load(flags, environment);
  }
  /// With the file's path as FILE.
  std::string error(Flags flags = {}, const Environment& environment = {}) const {
    flags.insert(flags.begin(), {"--config", path_});
    auto text = error_of(flags, environment);
    if (const auto at = text.find(path_); at != text.npos) text.replace(at, path_.size(), "FILE");
    return text;
  }

 private:
  TempDir dir_{"config_test"};
  std::string path_ = dir_.file("punchline.json");
};

constexpr std::string_view kSmallest =
    R"({"buffers": [{"path": "/var/spool/app.buf", "topic": "logs"}],
        "kafka": {"bootstrap.servers": "k1:9092"}, "http": {"listen": "127.0.0.1:9377"}})";

/// The smallest file with `keys` beside path and topic, or at the top.
FromFile with_buffer_keys(const std::string& keys) {
  return FromFile(R"({"buffers": [{"path": "/x/a", "topic": "t", )" + keys +
                  R"(}], "kafka": {"bootstrap.servers": "k"}})");
}
FromFile with_top_keys(const std::string& keys) {
  return FromFile(R"({"buffers": [{"path": "/x/a", "topic": "t"}], "kafka": {)"
                  R"("bootstrap.servers": "k"}, )" +
                  keys + "}");
}

const Flags kSmallestFlags = {{"--buffer", "/x/a"}, {"--topic", "t"}, {"--brokers", "k:1"}};

std::vector<std::string> warnings_of(const Environment& environment) {
  return load_config(flag_values(kSmallestFlags), environment, check_property).warnings;
}

Flags smallest_and(const Flags& more) {
  auto flags = kSmallestFlags;
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

TEST_CASE("the smallest file gives the defaults") {
  const auto config = FromFile(kSmallest).load();
  REQUIRE(config.buffers.size() == 1);
  const auto& buffer = config.buffers[0];
  CHECK(buffer.path == "/var/spool/app.buf");
  CHECK(buffer.topic == "logs");
  CHECK(buffer.record_bytes_max == 1 << 20);
  CHECK(buffer.unfreed_bytes_max == 64 << 20);
  CHECK(buffer.collapse_bytes_min == 1 << 30);
  CHECK(buffer.partial_timeout.count() == 0);
  CHECK(buffer.stripe_bytes == 64 << 10);
  CHECK(buffer.mode == 0600);
  CHECK(config.kafka == std::map<std::string, std::string>{{"bootstrap.servers", "k1:9092"}});
  CHECK(config.http_listen == "127.0.0.1:9377");
  CHECK(config.stop_timeout == std::chrono::seconds(5));
  CHECK(config.chunk_bytes_max == 16 << 20);
  CHECK(config.log_level == LogLevel::info);
  CHECK_FALSE(config.once);
  CHECK_FALSE(config.fence);
  CHECK_FALSE(config.once_timeout);
}

TEST_CASE("every key arrives where it belongs, comments and all") {
  const auto config = FromFile(R"({
    // one buffer of ours
    "buffers": [{"path": "/x/a", "topic": "t", "record_bytes_max": "2MiB", "mode": "0640",
                 "unfreed_bytes_max": 2097152, "partial_timeout": "250ms", "stripe_bytes": 4096,
                 "group": "adm", "collapse_bytes_min": "64KiB"},
                {"path": "/x/b", "topic": "u"}],
    "kafka": {"bootstrap.servers": "k", "linger.ms": 7, "enable.idempotence": true},
    /* the rest */
    "stop_timeout": 9, "chunk_bytes_max": "1MiB", "log_level": "debug", "log_format": "json"})")
                          .load();
  REQUIRE(config.buffers.size() == 2);
  const auto& buffer = config.buffers[0];
  CHECK(buffer.record_bytes_max == 2 << 20);
  CHECK(buffer.mode == 0640);
  CHECK(buffer.unfreed_bytes_max == 2 << 20);
  CHECK(buffer.collapse_bytes_min == 64 << 10);
  CHECK(buffer.partial_timeout.count() == 250);
  CHECK(buffer.stripe_bytes == 4096);
  CHECK(buffer.group == "adm");
  CHECK(config.buffers[1].path == "/x/b");
  CHECK(config.buffers[1].mode == 0600);
  CHECK(config.kafka.at("linger.ms") == "7");
  CHECK(config.kafka.at("enable.idempotence") == "true");
  CHECK(config.stop_timeout == std::chrono::seconds(9));
  CHECK(config.chunk_bytes_max == 1 << 20);
  CHECK(config.log_level == LogLevel::debug);
  CHECK(config.log_format == LogFormat::json);
}

TEST_CASE("an unknown key is named with its place and the nearest known one") {
  CHECK(with_buffer_keys(R"("topik": "t")").error() ==
        R"(78 FILE: buffers[0]: unknown key "topik"; the nearest known key is "topic")");
  CHECK(with_top_keys(R"("stop_timout": 5)").error() ==
        R"(78 FILE: unknown key "stop_timout"; the nearest known key is "stop_timeout")");
  CHECK(with_top_keys(R"("bufers": [])").error() ==
        R"(78 FILE: unknown key "bufers"; the nearest known key is "buffers")");
  CHECK(with_top_keys(R"("http": {"lisen": "x"})").error() ==
        R"(78 FILE: http: unknown key "lisen"; the nearest known key is "listen")");
}

TEST_CASE("a known key in the wrong place is sent to the right one") {
  CHECK(with_top_keys(R"("topic": "t")").error() ==
        R"(78 FILE: unknown key "topic"; it belongs into "buffers": [{...}])");
  CHECK(with_top_keys(R"("bootstrap.servers": "t")").error() ==
        R"(78 FILE: unknown key "bootstrap.servers"; it belongs into "kafka": {...})");
  CHECK(with_buffer_keys(R"("listen": ":1")").error() ==
        R"(78 FILE: buffers[0]: unknown key "listen"; it belongs into "http": {...})");
}

TEST_CASE("words for the addresses of Kafka are sent to bootstrap.servers") {
  const std::string there = R"(; the addresses of Kafka belong into "kafka": )"
                            R"({"bootstrap.servers": "k1:9092"})";
  CHECK(with_top_keys(R"("brokers": "k1:9092")").error() ==
        R"(78 FILE: unknown key "brokers")" + there);
  CHECK(with_buffer_keys(R"("brokers": "k1:9092")").error() ==
        R"(78 FILE: buffers[0]: unknown key "brokers")" + there);
}

TEST_CASE("what JSON does not allow and is often written is named") {
  const std::string comma = "; behind the last entry there is no comma";
  CHECK_THAT(FromFile("{\"kafka\": {},\n}").error(), EndsWith(comma));
  CHECK_THAT(FromFile("{\"buffers\": [{}, ]}").error(), EndsWith(comma));
  CHECK_THAT(FromFile("# brokers\n{}").error(),
             EndsWith("; a comment begins with // or stands between /* and */"));
  CHECK_THAT(FromFile("{\"kafka\" {}}").error(), !Contains(comma));
}

TEST_CASE("a value out of range is named with what is allowed") {
  CHECK(with_buffer_keys(R"("record_bytes_max": 0)").error() ==
        "78 FILE: buffers[0].record_bytes_max: 0 is out of range; allowed: 1 to 64MiB, in bytes");
  CHECK(with_buffer_keys(R"("record_bytes_max": "65MiB")").error() ==
        "78 FILE: buffers[0].record_bytes_max: \"65MiB\" is out of range; allowed: 1 to 64MiB, in "
        "bytes");
  CHECK(with_buffer_keys(R"("mode": "01777")").error() ==
        "78 FILE: buffers[0].mode: \"01777\" is out of range; allowed: 0000 to 0777");
  CHECK(with_top_keys(R"("stop_timeout": "2h")").error() ==
        "78 FILE: stop_timeout: \"2h\" is out of range; allowed: 0 to 1h, in seconds");
}

TEST_CASE("the ends of a range are allowed") {
  CHECK(with_buffer_keys(R"("record_bytes_max": 1)").load().buffers[0].record_bytes_max == 1);
  CHECK(with_buffer_keys(R"("record_bytes_max": "64MiB")").load().buffers[0].record_bytes_max ==
        64 << 20);
}

TEST_CASE("a buffer that may hold less than one record is warned of") {
  const auto small = warnings_of({{"PUNCHLINE_BYTES_MAX", "64KiB"}});
  REQUIRE(small.size() == 1);
  CHECK_THAT(small[0], Contains("bytes_max 64KiB is below record_bytes_max 1MiB"));
  CHECK(warnings_of({{"PUNCHLINE_BYTES_MAX", "1MiB"}}).empty());
  CHECK(warnings_of({{"PUNCHLINE_BYTES_MAX", "0"}}).empty());
  CHECK(warnings_of({{"PUNCHLINE_BYTES_MAX", "1000"}, {"PUNCHLINE_RECORD_BYTES_MAX", "1000"}})
            .empty());
}

TEST_CASE("a rule for a full buffer that can never be full is warned of") {
  const auto idle = warnings_of({{"PUNCHLINE_WHEN_FULL", "block"}});
  REQUIRE(idle.size() == 1);
  CHECK_THAT(idle[0], Contains("when_full says nothing without bytes_max"));
  CHECK(warnings_of({{"PUNCHLINE_WHEN_FULL", "keep"}}).empty());
  CHECK(warnings_of({{"PUNCHLINE_WHEN_FULL", "block"}, {"PUNCHLINE_BYTES_MAX", "1GiB"}}).empty());
}

TEST_CASE("a value of the wrong type is named with what is wanted") {
  const auto wrong = [](const std::string& key, const std::string& value) {
    return with_buffer_keys('"' + key + "\": " + value).error();
  };
  CHECK(wrong("group", "5") == "78 FILE: buffers[0].group: 5 is not text");
  CHECK(wrong("group", "null") == "78 FILE: buffers[0].group: null is not text");
  CHECK_THAT(wrong("record_bytes_max", "-1"),
             Contains("-1 is not a size: a whole number of bytes"));
  CHECK_THAT(wrong("record_bytes_max", "1.5"), Contains("1.5 is not a size"));
  CHECK_THAT(wrong("record_bytes_max", "true"), Contains("true is not a size"));
  CHECK_THAT(wrong("record_bytes_max", "[1]"), Contains("[1] is not a size"));
  CHECK_THAT(wrong("record_bytes_max", "\"64kb\""), Contains("\"64kb\" is not a size"));
  CHECK_THAT(wrong("partial_timeout", "\"soon\""),
             Contains("is not a time") && Contains("allowed: 0 to 24h"));
  CHECK_THAT(wrong("record_bytes_max", "\"10M\""),
             Contains("\"64KiB\" (units: B, KiB, MiB, GiB, TiB); allowed: 1 to 64MiB"));
  CHECK_THAT(wrong("partial_timeout", "\"5 min\""), Contains("(units: ms, s, m, h); allowed: "));
  CHECK_THAT(wrong("mode", "640"), Contains("640 is not permissions as octal text"));
  CHECK(with_top_keys(R"("log_level": "loud")").error() ==
        "78 FILE: log_level: \"loud\" is not one of debug|info|warning|error");
  CHECK(with_top_keys(R"("http": 5)").error() == "78 FILE: http: this has to be an object: {...}");
  CHECK_THAT(FromFile(R"({"buffers": {}})").error(), Contains("\"buffers\" has to be an array"));
  CHECK_THAT(FromFile(R"({"buffers": ["a"]})").error(),
             Contains("buffers[0]: this has to be an object"));
  CHECK_THAT(FromFile("[]").error(), Contains("FILE: the file has to be an object"));
  CHECK(FromFile(R"({"kafka": {"linger.ms": [5]}})").error() ==
        "78 FILE: kafka.linger.ms: this has to be text, a number, true, false or "
        "{\"file\": \"PATH\"}");
}

TEST_CASE("what is no JSON is named by line and column") {
  CHECK_THAT(FromFile("{\n  \"buffers\": [,]\n}").error(), StartsWith("78 FILE:2:15: "));
  CHECK_THAT(FromFile("").error(), StartsWith("78 FILE:1:1: "));
  CHECK_THAT(FromFile("{\"kafka\": {}").error(), StartsWith("78 FILE:1:13: "));
  CHECK_THAT(FromFile("nonsense").error(), StartsWith("78 FILE:1:2: "));
  CHECK(FromFile(R"({"kafka": {"a": 1, "a": 2}})").error() == "78 FILE: key \"a\" stands twice");
}

TEST_CASE("a file that cannot be read is said plainly") {
  CHECK(error_of({{"--config", "/nowhere/p.json"}}) ==
        "78 config file /nowhere/p.json: No such file or directory");
  CHECK_THAT(error_of({{"--config", "/"}}), StartsWith("78 config file /: Is a directory"));
}

TEST_CASE("a start waits for a config out of a pipe, a running agent does not") {
  const TempDir dir("config_test");
  const auto path = dir.file("fifo");
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto flags = flag_values({{"--config", path}});
  CHECK_THROWS_WITH(
      load_config(flags, {}, check_property, ConfigReading::regular_files_only),
      "config file " + path + ": is not a regular file, which only a start may wait for");
  std::thread writer([&] { write_file(path, kSmallest); });
  CHECK(load_config(flags, {}, check_property).config.buffers.size() == 1);
  writer.join();
  CHECK_THROWS_WITH(load_config(flag_values({{"--config", dir.file("none")}}), {}, check_property,
                                ConfigReading::regular_files_only),
                    Contains("No such file"));
}

TEST_CASE("flags win over the environment, the environment over the file") {
  const auto file = with_top_keys(
      R"("stop_timeout": 1, "log_level": "debug", "http": {"listen": "127.0.0.1:1"})");
  const Environment environment = {{"PUNCHLINE_STOP_TIMEOUT", "2"},
                                   {"PUNCHLINE_HTTP_LISTEN", "127.0.0.1:2"},
                                   {"PUNCHLINE_BROKERS", "from-environment:1"},
                                   {"PUNCHLINE_RECORD_BYTES_MAX", "7"},
                                   {"PUNCHLINE_KAFKA_LINGER_MS", "3"},
                                   {"PATH", "/bin"}};
  auto config = file.load({}, environment);
  CHECK(config.stop_timeout == std::chrono::seconds(2));
  CHECK(config.http_listen == "127.0.0.1:2");
  CHECK(config.log_level == LogLevel::debug);
  CHECK(config.kafka.at("bootstrap.servers") == "from-environment:1");
  CHECK(config.kafka.at("linger.ms") == "3");
  CHECK(config.buffers[0].record_bytes_max == 7);

  config = file.load({{"--listen", "127.0.0.1:3"}, {"--brokers", "f:1"}, {"-X", "linger.ms=4"}},
                     environment);
  CHECK(config.http_listen == "127.0.0.1:3");
  CHECK(config.kafka.at("bootstrap.servers") == "f:1");
  CHECK(config.kafka.at("linger.ms") == "4");
}

TEST_CASE("-b adds buffers, --topic is for these alone") {
  const auto config =
      FromFile(kSmallest).load({{"--buffer", "/x/a"}, {"--topic", "added"}, {"--buffer", "/x/b"}});
  REQUIRE(config.buffers.size() == 3);
  CHECK(config.buffers[0].topic == "logs");
  CHECK(config.buffers[1].path == "/x/a");
  CHECK(config.buffers[1].topic == "added");
  CHECK(config.buffers[2].topic == "added");
  CHECK(FromFile(kSmallest).error({{"--topic", "t"}}) ==
        "64 --topic is for buffers given by -b, and there is none");
}

TEST_CASE("the environment can do without a file too") {
  const auto config = load({}, {{"PUNCHLINE_BUFFER", "/x/a"},
                                {"PUNCHLINE_TOPIC", "t"},
                                {"PUNCHLINE_BROKERS", "k"},
                                {"PUNCHLINE_ONCE", "yes"},
                                {"PUNCHLINE_TIMEOUT", "1500ms"}});
  REQUIRE(config.buffers.size() == 1);
  CHECK(config.buffers[0].topic == "t");
  CHECK(config.once);
  CHECK(config.once_timeout == std::chrono::milliseconds(1500));
  CHECK(error_of(kSmallestFlags, {{"PUNCHLINE_ONCE", "perhaps"}}) ==
        "78 PUNCHLINE_ONCE: perhaps is not true or false");
}

TEST_CASE("a variable that only looks like ours is a warning") {
  const auto loaded = load_config(
      flag_values(kSmallestFlags),
      {{"PUNCHLINE_TOPIK", "t"}, {"PUNCHLINER", "x"}, {"PUNCHLINE_KAFKA_SERVICE_HOST", "10.0.0.1"}},
      check_property);
  CHECK(loaded.warnings ==
        std::vector<std::string>{
            "environment: PUNCHLINE_TOPIK is ignored: it is not an option; the nearest is "
            "PUNCHLINE_TOPIC",
            "environment: PUNCHLINE_KAFKA_SERVICE_HOST is ignored: librdkafka has no property "
            "service.host"});
  CHECK(loaded.config.kafka.size() == 1);
}

TEST_CASE("what is missing is usage without a file and config with one") {
  CHECK_THAT(error_of({}), StartsWith("64 no buffer given"));
  CHECK_THAT(error_of({{"--buffer", "/x/a"}, {"--brokers", "k"}}),
             StartsWith("64 buffer /x/a: no topic"));
  CHECK_THAT(error_of({{"--buffer", "/x/a"}, {"--topic", "t"}}), StartsWith("64 no brokers given"));
  CHECK_THAT(FromFile("{}").error(), StartsWith("78 no buffer given"));
  CHECK_THAT(FromFile(R"({"buffers": [{"path": "/x/a", "topic": "t"}]})").error(),
             StartsWith("78 no brokers given"));
  CHECK(FromFile(R"({"buffers": [{"path": "/x/a", "topic": "t"}],)"
                 R"("kafka": {"linger.ms": 5, "bootstrap.server": "k"}})")
            .error() == "78 no property bootstrap.server");
  CHECK(error_of({{"--buffer", "/x/a"}, {"--topic", "t"}, {"-X", "bootstrap.server=k"}}) ==
        "78 no property bootstrap.server");
  CHECK(FromFile(R"({"buffers": [{"topic": "t"}]})").error() == "78 a buffer has no \"path\"");
  CHECK(error_of(smallest_and({{"--timeout", "5"}})) ==
        "64 --timeout is for --once, which was not given");
}

TEST_CASE("librdkafka's other name for the brokers will do") {
  CHECK(load({{"--buffer", "/x/a"}, {"--topic", "t"}, {"-X", "metadata.broker.list=k:1"}})
            .kafka.at("metadata.broker.list") == "k:1");
}

TEST_CASE("values of flags are checked like the others, as usage") {
  CHECK_THAT(error_of(smallest_and({{"--once", "true"}, {"--timeout", "soon"}})),
             StartsWith("64 --timeout: soon is not a time"));
  CHECK_THAT(error_of(smallest_and({{"--once", "true"}, {"--timeout", "0"}})),
             StartsWith("64 --timeout: 0 is out of range"));
  CHECK(error_of(smallest_and({{"-X", "linger.ms"}})) ==
        "64 -X linger.ms: has to be property=value");
  CHECK(error_of(smallest_and({{"-X", "=5"}})) == "64 -X =5: has to be property=value");
  CHECK(load(smallest_and({{"-X", "a=b=c"}})).kafka.at("a") == "b=c");
}

TEST_CASE("one file under two names is refused") {
  TempDir dir("config_test");
  const auto twice = [&](const std::string& a, const std::string& b) {
    return error_of({{"--buffer", a}, {"--buffer", b}, {"--topic", "t"}, {"--brokers", "k"}});
  };
  const auto path = dir.file("a");
  CHECK(twice(path, path) == "78 buffer " + path + ": is the same file as buffer " + path);
  CHECK_THAT(twice(path, dir.path() / "." / "a"), Contains("is the same file as"));
  CHECK_THAT(twice(path, dir.path() / "sub" / ".." / "a"), Contains("is the same file as"));
  std::filesystem::create_directory_symlink(dir.path(), dir.file("link"));
  CHECK_THAT(twice(path, dir.file("link/a")), Contains("is the same file as"));
  CHECK(twice(path, dir.file("b")) == "no error");
}

TEST_CASE("topics and addresses have to have their form") {
  const auto topic = [](const std::string& name) {
    return error_of({{"--buffer", "/x/a"}, {"--topic", name}, {"--brokers", "k"}});
  };
  CHECK_THAT(topic("two words"), StartsWith("78 buffer /x/a: topic \"two words\" is not a name"));
  CHECK_THAT(topic(".."), Contains("is not a name Kafka allows"));
  CHECK(topic(std::string(249, 'x')) == "no error");
  CHECK_THAT(topic(std::string(250, 'x')), Contains("is not a name Kafka allows"));
  CHECK_THAT(error_of(smallest_and({{"--listen", "9377"}})),
             StartsWith("78 http.listen: \"9377\" is not ADDR:PORT"));
}

TEST_CASE("variables of the environment stand in topics, headers and the constant key") {
  const auto file =
      with_buffer_keys(R"("dead_letter_topic": "dead-${ZONE}", "key_constant": "$${ZONE}$",
      "headers": {"zone": "${ZONE}", "both": "${ZONE}${NAME}", "plain": "{}"})");
  const Environment environment = {{"ZONE", "eu"}, {"NAME", "n"}};
  const auto config = file.load({}, environment);
  const auto& buffer = config.buffers.front();
  CHECK(buffer.dead_letter_topic == "dead-eu");
  CHECK(buffer.key_constant == "$eu$");
  CHECK(buffer.headers == HeaderList{{"both", "eun"}, {"plain", "{}"}, {"zone", "eu"}});
  CHECK(load({{"--buffer", "/x/a"}, {"--topic", "${ZONE}"}, {"--brokers", "k"}}, environment)
            .buffers[0]
            .topic == "eu");
  CHECK_THAT(file.error({}, {{"ZONE", "eu"}}),
             Contains(R"(header both: "${ZONE}${NAME}": the environment has no variable NAME)"));
  CHECK_THAT(with_buffer_keys(R"("key_constant": "${ZONE")").error({}, environment),
             Contains(R"("${" without its "}")"));
}

TEST_CASE("headers are text by name, from the environment as JSON") {
  CHECK(load(smallest_and({}), {{"PUNCHLINE_HEADERS", R"({"a": "b"})"}}).buffers[0].headers ==
        HeaderList{{"a", "b"}});
  for (const auto* bad : {R"([])", R"({"a": 1})", R"("text")"}) {
    INFO(bad);
    CHECK_THAT(with_buffer_keys(std::string(R"("headers": )") + bad).error(),
               Contains("is not an object of text"));
  }
  CHECK_THAT(error_of(smallest_and({}), {{"PUNCHLINE_HEADERS", "a=b"}}),
             StartsWith("78 PUNCHLINE_HEADERS: a=b is not an object of text"));
  CHECK_THAT(with_buffer_keys(R"("headers": {"": "x"})").error(), Contains("without a name"));
  CHECK_THAT(with_buffer_keys(R"("headers": {"punchline.host": "x"})").error(),
             Contains("the agent's own"));
}

TEST_CASE("a key is said in one way, and well") {
  CHECK(with_buffer_keys(R"("key_json": "/a~1b/0")").load().buffers[0].key_json == "/a~1b/0");
  CHECK_THAT(with_buffer_keys(R"("key_json": "a")").error(), Contains("is no JSON pointer"));
  CHECK_THAT(with_buffer_keys(R"("key_json": "/a~2")").error(), Contains("is no JSON pointer"));
  CHECK_THAT(with_buffer_keys(R"("key_json": "/a", "key_column": 1)").error(),
             Contains("only one of key_constant, key_json and key_column"));
  CHECK_THAT(with_buffer_keys(R"("key_column": 10001)").error(), Contains("allowed: 0 to 10000"));
  CHECK_THAT(with_buffer_keys(R"("key_column": 1, "key_separator": "::")").error(),
             Contains("is not one byte"));
}

TEST_CASE("with a dead-letter topic the quarantine is a buffer too") {
  const auto config =
      with_buffer_keys(R"("dead_letter_topic": "dead", "mode": "0640", "key_constant": "k")")
          .load();
  REQUIRE(config.buffers.size() == 2);
  CHECK(config.buffers[1].path == config.buffers[0].path + ".quarantine");
  CHECK(config.buffers[1].topic == "dead");
  CHECK(config.buffers[1].mode == 0640);
  CHECK(config.buffers[1].is_quarantine);
  CHECK(config.buffers[1].key_constant.empty());
  CHECK_FALSE(config.buffers[0].is_quarantine);
  CHECK_THAT(with_buffer_keys(R"("dead_letter_topic": "not a name")").error(),
             Contains("dead_letter_topic \"not a name\" is not a name Kafka allows"));
  CHECK_THAT(with_buffer_keys(R"("dead_letter_topic": "t")").error(), Contains("is its topic"));
  CHECK_THAT(FromFile(R"({"buffers": [{"path": "/x/a", "topic": "t", "dead_letter_topic": "d"},
                                      {"path": "/x/a.quarantine", "topic": "d"}],
                          "kafka": {"bootstrap.servers": "k"}})")
                 .error(),
             Contains("is the same file as buffer"));
}

TEST_CASE("what SIGHUP cannot take over is named by its key") {
  const auto with = [](const std::string& more, const std::string& kafka) {
    return FromFile(R"({"buffers": [{"path": "/x/a", "topic": "t")" + more +
                    R"(}], "kafka": {"bootstrap.servers": ")" + kafka + "}}")
        .load();
  };
  using Keys = std::vector<std::string>;
  const auto running = with("", R"(k", "linger.ms": 5)");
  CHECK(changes_for_a_restart(running, running).empty());
  CHECK(changes_for_a_restart(running, with("", R"(l", "sasl.password": "p", "linger.ms": 5)"))
            .empty());
  CHECK(changes_for_a_restart(running, with(R"(, "drain_rate": 7, "headers": {"a": "b"})",
                                            R"(k", "linger.ms": 6, "batch.size": 7)")) ==
        Keys{"headers", "drain_rate", "linger.ms", "batch.size"});
  CHECK(changes_for_a_restart(with("", R"(k", "linger.ms": 5, "batch.size": 7)"), running) ==
        Keys{"batch.size"});
  CHECK(changes_for_a_restart(running, with(R"(}, {"path": "/x/b", "topic": "t")", R"(k")")) ==
        Keys{"buffers"});
}
