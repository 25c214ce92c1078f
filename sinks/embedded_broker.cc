#include "sinks/embedded_broker.h"

#include <librdkafka/rdkafka.h>
// The header of the mock has to come second.
#include <utility>

#include <librdkafka/rdkafka_mock.h>

#include "sinks/kafka_client.h"

namespace punchline {
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
  return std::unique_ptr<EmbeddedBroker>(new EmbeddedBroker(*client, cluster));
}

EmbeddedBroker::EmbeddedBroker(rd_kafka_s* client, rd_kafka_mock_cluster_s* cluster)
    : client_(client), cluster_(cluster) {}

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

}  // namespace punchline
