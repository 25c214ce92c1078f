#include "tests/support/faulty_broker.h"

#include <librdkafka/rdkafka.h>
// The mock's header wants to come second.
#include <utility>

#include <librdkafka/rdkafka_mock.h>

namespace punchline::testing {
namespace {

// Kafka protocol guide, "Api Keys".
constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kInitProducerId = 22;

}  // namespace

Result<std::unique_ptr<FaultyBroker>> FaultyBroker::start(int brokers) {
  auto broker = EmbeddedBroker::start(brokers);
  if (!broker) return broker.error();
  return std::unique_ptr<FaultyBroker>(new FaultyBroker(std::move(*broker), brokers));
}

FaultyBroker::FaultyBroker(std::unique_ptr<EmbeddedBroker> broker, int brokers)
    : broker_(std::move(broker)), brokers_(brokers) {}

void FaultyBroker::broker_down(int id) {
  rd_kafka_mock_broker_set_down(broker_->cluster(), id);
}

void FaultyBroker::broker_up(int id) {
  rd_kafka_mock_broker_set_up(broker_->cluster(), id);
}

void FaultyBroker::set_delay(std::chrono::milliseconds delay) {
  for (int id = 1; id <= brokers_; ++id) {
    rd_kafka_mock_broker_set_rtt(broker_->cluster(), id, static_cast<int>(delay.count()));
  }
}

void FaultyBroker::fail_produce(const std::vector<std::int32_t>& codes) {
  fail(kProduce, codes);
}

void FaultyBroker::fail_producer_id(const std::vector<std::int32_t>& codes) {
  fail(kInitProducerId, codes);
}

void FaultyBroker::fail(std::int16_t api, const std::vector<std::int32_t>& codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  for (const std::int32_t code : codes)
    errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  rd_kafka_mock_push_request_errors_array(broker_->cluster(), api, errors.size(), errors.data());
}

void FaultyBroker::set_topic_error(const std::string& name, std::int32_t code) {
  rd_kafka_mock_topic_set_error(broker_->cluster(), name.c_str(), static_cast<rd_kafka_resp_err_t>(code));
}

void FaultyBroker::set_leader(const std::string& name, std::int32_t partition, int broker) {
  rd_kafka_mock_partition_set_leader(broker_->cluster(), name.c_str(), partition, broker);
}

}  // namespace punchline::testing
