#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "agent/core/log_level.h"

namespace punchline {

/// What happens when a buffer holds bytes_max.
enum class WhenFull : std::uint8_t {
  keep,         ///< A warning is logged; the buffer goes on growing.
  block,        ///< `append` waits.
  drop_oldest,  ///< The oldest records are dropped, counted and logged.
};

/// Which records of a partition may go first.
enum class Order : std::uint8_t {
  strict,   ///< None before all earlier ones have arrived.
  relaxed,  ///< Those just appended, while a backlog and what failed follow beside them.
};

/// What happens to a record whose own time the destination refuses.
enum class Timestamps : std::uint8_t {
  as_given,        ///< It is set aside.
  now_if_refused,  ///< It goes with the time of its sending, and its own in a header.
};

/// What a run does first when it is asked to stop.
enum class OnStop : std::uint8_t {
  settle,  ///< Offers nothing more, and waits for the reports on what is in flight.
  drain,   ///< Goes on until nothing complete waits in any buffer.
};

/// When producers may start, as /readyz says.
enum class ReadyRequires : std::uint8_t {
  all,  ///< Every buffer is open.
  any,  ///< At least one is.
};

/// What happens while the machine's clock cannot be right.
enum class WrongClock : std::uint8_t {
  as_is,   ///< A warning is logged.
  wait,    ///< Nothing is sent.
  broker,  ///< What has no time of its own is sent without one.
};

/// Names and values of the headers of a record.
using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// The settings of one buffer. Their ranges are those of the option table (config/option_table.cc),
/// which has been applied to every BufferConfig that reaches a command.
struct BufferConfig {
  std::string path;                  ///< As it was given; the label `buffer` of logs and metrics.
  std::string topic;                 ///< The Kafka topic its records go to.
  std::string dead_letter_topic;     ///< The topic for what is set aside; "": it stays.
  std::string key_constant;          ///< Key of each record without one of its own; "": none.
  std::string key_json;              ///< The same, by a JSON pointer into the payload.
  std::uint32_t key_column = 0;      ///< The same, the n-th part of the payload, from 1; 0: none.
  std::string key_separator = "\t";  ///< One byte, between such parts.
  HeaderList headers;                ///< Sent with each record.
  bool provenance = false;           ///< Sends headers by which a consumer can tell a duplicate.
  std::uint32_t record_bytes_max = 1U << 20;      ///< 1 byte to 64 MiB.
  std::uint64_t unfreed_bytes_max = 64ULL << 20;  ///< Confirmed but not yet freed.
  std::uint64_t collapse_bytes_min = 1ULL
                                     << 30;  ///< Hole at the front to be cut off; 0: never.
  std::uint64_t bytes_max = 0;               ///< In its data segments; 0: no limit.
  WhenFull when_full = WhenFull::keep;
  Order order = Order::strict;
  Timestamps timestamps = Timestamps::as_given;
  std::uint64_t drain_rate = 0;  ///< Bytes a second, of the backlog if relaxed; 0: no limit.
  std::chrono::milliseconds partial_timeout{0};  ///< 0: an unfinished last line waits.
  std::uint64_t stripe_bytes = 64ULL << 10;      ///< Keyless partition = position / stripe.
  mode_t mode = 0600;                            ///< Of a file that we create.
  std::string group;                             ///< Of a file that we create; "": our group.
  bool is_quarantine = false;  ///< It is another buffer's quarantine, sent as dead letters; never
                               ///< set by the operator.
};

/// The configuration of `run` and `check`: file, environment and flags merged. A plain value.
struct Config {
  std::vector<BufferConfig> buffers;         ///< At least one; no two name the same file.
  std::map<std::string, std::string> kafka;  ///< librdkafka properties as the operator gave them.
  /// By property, the files that some of the values were read from. Those values are not shown.
  std::map<std::string, std::string> kafka_files;
  std::optional<std::string> http_listen;        ///< "ADDR:PORT", "[::1]:0"; empty: no HTTP.
  std::chrono::milliseconds stop_timeout{5000};  ///< From SIGTERM to the end.
  OnStop on_stop = OnStop::settle;
  ReadyRequires ready_requires = ReadyRequires::all;
  WrongClock clock = WrongClock::as_is;
  std::uint64_t chunk_bytes_max = 16ULL << 20;   ///< Memory for records, all buffers together.
  LogLevel log_level = LogLevel::info;
  LogFormat log_format = LogFormat::text;
  bool once = false;                                      ///< Forward what is there, then end.
  bool fence = false;                                     ///< Treat this start like a new boot.
  std::optional<std::chrono::milliseconds> once_timeout;  ///< With `once`; empty: no limit.
};

}  // namespace punchline
