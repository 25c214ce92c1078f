#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "sinks/kafka_reader.h"
#include "sinks/kafka_settings.h"
#include "sinks/kafka_sink.h"
#include "tests/support/catch.h"
#include "tests/support/faulty_broker.h"
#include "tests/unit/sinks/mini_forwarder.h"

namespace punchline {

inline std::unique_ptr<testing::FaultyBroker> start_broker(int brokers = 1) {
  auto broker = testing::FaultyBroker::start(brokers);
  REQUIRE(broker.ok());
  return std::move(*broker);
}

inline KafkaSettings settings_for(const std::string& bootstrap, KafkaProperties more = {}) {
  more.emplace("bootstrap.servers", bootstrap);
  auto settings = make_kafka_settings(more, {});
  INFO((settings ? "" : settings.error().message()));
  REQUIRE(settings.ok());
  return *settings;
}

inline std::unique_ptr<KafkaSink> open_sink(const KafkaSettings& settings,
                                            const KafkaLimits& limits = {}) {
  auto sink = KafkaSink::open(settings, limits);
  INFO((sink ? "" : sink.error().message()));
  REQUIRE(sink.ok());
  return std::move(*sink);
}

/// A topic "t" of one partition, and a sink that has delivered a hundred records to it.
struct Delivering {
  Delivering() {
    forwarder.append(100);
    REQUIRE(forwarder.run_until([this] { return forwarder.all_done(); }));
  }
  static std::unique_ptr<testing::FaultyBroker> broker_with_topic() {
    auto broker = start_broker();
    REQUIRE(broker->create_topic("t", 1).ok());
    return broker;
  }

  std::unique_ptr<testing::FaultyBroker> broker = broker_with_topic();
  KafkaSettings settings = settings_for(broker->bootstrap());
  std::unique_ptr<KafkaSink> sink = open_sink(settings);
  MiniForwarder forwarder{*sink, "t"};
};

/// Payloads of a partition in order of offset, read until `count` are there.
inline std::vector<std::string> read_back(const std::string& bootstrap, const std::string& topic,
                                          std::size_t count, std::int32_t partition = 0) {
  auto reader =
      KafkaReader::open({{"bootstrap.servers", bootstrap}}, topic, std::chrono::seconds(10));
  REQUIRE(reader.ok());
  std::vector<std::string> lines;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (lines.size() < count && std::chrono::steady_clock::now() < deadline) {
    (*reader)->read(std::chrono::milliseconds(200), [&](const KafkaReader::Record& record) {
      if (record.partition == partition) lines.emplace_back(record.payload);
    });
  }
  return lines;
}

}  // namespace punchline
