// The ceiling: what librdkafka takes when nothing stands around it. The whole file is mapped, one
// thread splits it into lines and keeps a window of records in the client, nothing is remembered,
// freed or repeated. Same client settings as the program.
//   bare_loop BROKERS TOPIC FILE WINDOW_RECORDS [property=value]...

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace {

constexpr std::size_t kBatch = 512;

std::string_view map_file(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  struct stat facts {};
  if (fd < 0 || ::fstat(fd, &facts) != 0) throw std::runtime_error(path);
  const auto size = static_cast<std::size_t>(facts.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  if (data == MAP_FAILED) throw std::runtime_error(path);
  return {static_cast<const char*>(data), size};
}

rd_kafka_t* start(int properties, char** property, const char* brokers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  const auto set = [&](const std::string& name, const std::string& value) {
    std::array<char, 512> why{};
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) != 0) {
      throw std::runtime_error(why.data());
    }
  };
  set("bootstrap.servers", brokers);
  set("enable.idempotence", "true");
  set("enable.gapless.guarantee", "true");
  set("linger.ms", "5");
  set("queue.buffering.max.messages", "0");
  set("queue.buffering.max.kbytes", "2097151");
  for (int i = 0; i < properties; ++i) {
    const std::string text = property[i];
    const auto equals = text.find('=');
    set(text.substr(0, equals), text.substr(std::min(equals, text.size() - 1) + 1));
  }
  rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR);
  std::array<char, 512> why{};
  rd_kafka_t* client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why.data(), why.size());
  if (client == nullptr) throw std::runtime_error(why.data());
  return client;
}

/// The next records of `rest`, at most `most`, taken off it.
int cut(std::string_view& rest, std::array<rd_kafka_message_t, kBatch>& batch, std::size_t most) {
  std::size_t count = 0;
  while (count < most && !rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    rd_kafka_message_t& message = batch.at(count++);
    message = {};
    message.payload = const_cast<char*>(rest.data());
    message.len = end;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return static_cast<int>(count);
}

void forward(rd_kafka_t* client, const char* topic, std::string_view rest, std::size_t window) {
  rd_kafka_topic_t* handle = rd_kafka_topic_new(client, topic, nullptr);
  rd_kafka_queue_t* queue = rd_kafka_queue_get_main(client);
  std::array<rd_kafka_message_t, kBatch> batch;
  std::size_t in_flight = 0;
  while (!rest.empty() || in_flight > 0) {
    while (!rest.empty() && in_flight < window) {
      const int count = cut(rest, batch, std::min(kBatch, window - in_flight));
      if (rd_kafka_produce_batch(handle, 0, 0, batch.data(), count) != count) {
        throw std::runtime_error("produce_batch took less");
      }
      in_flight += static_cast<std::size_t>(count);
    }
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 1000);
    if (event == nullptr) continue;
    while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
      if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) throw std::runtime_error("not delivered");
      --in_flight;
    }
    rd_kafka_event_destroy(event);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 5) throw std::runtime_error("BROKERS TOPIC FILE WINDOW_RECORDS [property=value]...");
    rd_kafka_t* client = start(argc - 5, argv + 5, argv[1]);
    forward(client, argv[2], map_file(argv[3]), std::strtoull(argv[4], nullptr, 10));
    std::_Exit(0);  // all is delivered; what remains is the client's own tidying up
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare_loop: %s\n", error.what());
    return 1;
  }
}
