#include "sinks/embedded_broker.h"

#include <librdkafka/rdkafka.h>
// The mock's header wants to come second.
#include <utility>

#include <librdkafka/rdkafka_mock.h>

#include "sinks/kafka_client.h"

namespace punchline {
namespace {

// Kafka protocol guide, "Api Keys".
constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kInitProducerId = 22;

}  // namespace

Result<std::unique_ptr<EmbeddedBroker>> EmbeddedBroker::start(int brokers) {
  auto conf = make_kafka_conf({{"client.id", "embedded"}, {"log_level", "0"}});
  if (!conf) return conf.error();
  auto client = start_kafka_client(std::move(*conf), true);
  if (!client) return client.error();
  rd_kafka_mock_cluster_t* cluster = rd_kafka_mock_cluster_new(*client, brokers);
  if (cluster == nullptr) {
    rd_kafka_destroy(*client);
    return Error(ErrorKind::io, 0, "embedded broker: no address to listen on");
  }
  return std::unique_ptr<EmbeddedBroker>(new EmbeddedBroker(*client, cluster, brokers));
}

EmbeddedBroker::EmbeddedBroker(rd_kafka_s* client, rd_kafka_mock_cluster_s* cluster, int brokers)
    : client_(client), cluster_(cluster), brokers_(brokers) {}

EmbeddedBroker::~EmbeddedBroker() {
  rd_kafka_mock_cluster_destroy(cluster_);
  rd_kafka_destroy(client_);
}

std::string EmbeddedBroker::bootstrap() const {
  return rd_kafka_mock_cluster_bootstraps(cluster_);
}

Status EmbeddedBroker::create_topic(const std::string& name, int partitions) {
  const auto code = rd_kafka_mock_topic_create(cluster_, name.c_str(), partitions, 1);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return Error(ErrorKind::io, 0, "embedded broker, topic " + name + ": " + kafka_error_text(code));
}

void EmbeddedBroker::broker_down(int id) {
  rd_kafka_mock_broker_set_down(cluster_, id);
}

void EmbeddedBroker::broker_up(int id) {
  rd_kafka_mock_broker_set_up(cluster_, id);
}

void EmbeddedBroker::set_delay(std::chrono::milliseconds delay) {
  for (int id = 1; id <= brokers_; ++id) {
    rd_kafka_mock_broker_set_rtt(cluster_, id, static_cast<int>(delay.count()));
  }
}

void EmbeddedBroker::fail_produce(const std::vector<std::int32_t>& codes) {
  fail(kProduce, codes);
}

void EmbeddedBroker::fail_producer_id(const std::vector<std::int32_t>& codes) {
  fail(kInitProducerId, codes);
}

void EmbeddedBroker::fail(std::int16_t api, const std::vector<std::int32_t>& codes) {
  std::vector<rd_kafka_resp_err_t> errors;
  for (const std::int32_t code : codes)
    errors.push_back(static_cast<rd_kafka_resp_err_t>(code));
  rd_kafka_mock_push_request_errors_array(cluster_, api, errors.size(), errors.data());
}

void EmbeddedBroker::set_topic_error(const std::string& name, std::int32_t code) {
  rd_kafka_mock_topic_set_error(cluster_, name.c_str(), static_cast<rd_kafka_resp_err_t>(code));
}

void EmbeddedBroker::set_leader(const std::string& name, std::int32_t partition, int broker) {
  rd_kafka_mock_partition_set_leader(cluster_, name.c_str(), partition, broker);
}

}  // namespace punchline
