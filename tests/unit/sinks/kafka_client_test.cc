#include "sinks/kafka_client.h"

#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>

#include "sinks/kafka_outcome.h"
#include "tests/support/catch.h"

namespace punchline {
namespace {

TEST_CASE("the names in our table are librdkafka's") {
  const rd_kafka_err_desc* descriptions = nullptr;
  std::size_t count = 0;
  rd_kafka_get_err_descs(&descriptions, &count);
  std::size_t known = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (descriptions[i].name == nullptr || descriptions[i].code == 0) continue;
    const std::string ours = kafka_code_name(descriptions[i].code);
    if (ours.find("CODE_") == 0) continue;
    ++known;
    CHECK(ours == descriptions[i].name);
  }
  CHECK(known > 50);
}

TEST_CASE("librdkafka accepts our defaults, and names what it does not") {
  const auto settings = make_kafka_settings({{"bootstrap.servers", "k1:9092"}}, {});
  REQUIRE(settings.ok());
  CHECK(check_kafka_properties(settings->properties).ok());

  struct Case {
    std::string name, value, part;
  };
  const std::vector<Case> cases = {
      {"linger.mss", "5",
       "kafka property linger.mss is not known to librdkafka, did you mean "
       "linger.ms?"},
      {"bootstrap.server", "k", "did you mean bootstrap.servers?"},
      {"compresion.codec", "zstd", "did you mean compression.codec?"},
      {"utterly.unlike.anything.there.is", "1", "is not known to librdkafka"},
      {"linger.ms", "-1", "kafka property linger.ms = '-1': "},
      {"compression.codec", "rar", "kafka property compression.codec = 'rar': "},
  };
  for (const Case& c : cases) {
    const auto status = check_kafka_properties({{c.name, c.value}});
    REQUIRE_FALSE(status.ok());
    INFO(status.error().message());
    CHECK(status.error().kind() == ErrorKind::refused);
    CHECK(status.error().message().find(c.part) != std::string::npos);
    CHECK(check_kafka_properties({{c.name, c.value}}, {c.name})
              .error()
              .message()
              .find('\'' + c.value + '\'') == std::string::npos);
  }
}

TEST_CASE("a value is judged as librdkafka reads it, and told as it was given") {
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"retries", "+1"},
      {"retries", " 1"},
      {"retries", "0x1"},
      {"message.send.max.retries", "01"},
      {"queue.buffering.max.kbytes", "+1"},
      {"queue.buffering.max.messages", "0x10"},
      {"message.max.bytes", "+2000"},
      {"max.in.flight", "0x10"},
      {"message.timeout.ms", "+6000"},
      {"topic.topic.message.timeout.ms", "6000"},
      {"topic.request.required.acks", "+1"},
      {"enable.idempotence", "FALSE"},
  };
  for (const auto& [name, value] : broken) {
    INFO(name << "='" << value << "'");
    const auto settings = make_kafka_settings({{name, value}}, {}, {}, kafka_reading());
    REQUIRE_FALSE(settings.ok());
    CHECK(settings.error().message().starts_with("kafka property " + name + " = '" + value +
                                                 "' is refused: "));
  }
  const KafkaProperties fine = {{"acks", "all"},         {"message.timeout.ms", "0x7fffffff"},
                                {"retries", "+2147483647"}, {"message.max.bytes", "0x1e8480"},
                                {"linger.ms", "+50"},    {"sasl.password", "a b "}};
  const auto settings = make_kafka_settings(fine, {}, {}, kafka_reading());
  REQUIRE(settings.ok());
  CHECK(settings->payload_bytes_max == 2'000'000 - 512);
  CHECK(settings->properties.at("queue.buffering.max.ms") == "50");
  CHECK(settings->properties.at("sasl.password") == "a b ");
  CHECK(check_kafka_properties(settings->properties).ok());
}

TEST_CASE("a property is named as it was given") {
  const auto settings = make_kafka_settings({{"linger.ms", "abc"}, {"topic.acks", "all"}}, {});
  REQUIRE(settings.ok());
  const auto status =
      check_kafka_properties(settings->properties, settings->hidden, settings->given);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message().find("kafka property linger.ms = 'abc': ") == 0);
  CHECK(status.error().message().find("queue.buffering") == std::string::npos);
}

TEST_CASE("a name alone is known or not") {
  CHECK(check_kafka_property("bootstrap.servers").ok());
  CHECK(check_kafka_property("linger.ms").ok());
  const auto status = check_kafka_property("bootstrap.server");
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message().find("did you mean bootstrap.servers?") != std::string::npos);
}

}  // namespace
}  // namespace punchline
