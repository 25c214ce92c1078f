#include <chrono>
#include <optional>
#include <string>
#include <type_traits>

#include "agent/config/options.h"

namespace punchline {
namespace {

template <class T>
struct Unwrapped {
  using type = T;
};
template <class T>
struct Unwrapped<std::optional<T>> {
  using type = T;
};

template <class T>
T from_value(const OptionValue& value) {
  using Inner = typename Unwrapped<T>::type;
  if constexpr (std::is_same_v<Inner, std::string> || std::is_same_v<Inner, bool> ||
                std::is_same_v<Inner, HeaderList>) {
    return std::get<Inner>(value);
  } else {
    return static_cast<Inner>(std::get<std::uint64_t>(value));
  }
}

template <class T>
OptionValue to_value(const T& field) {
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, bool> ||
                std::is_same_v<T, HeaderList>) {
    return field;
  } else if constexpr (std::is_same_v<T, std::chrono::milliseconds>) {
    return static_cast<std::uint64_t>(field.count());
  } else {
    return static_cast<std::uint64_t>(field);
  }
}

template <class T>
OptionValue to_value(const std::optional<T>& field) {
  return field ? to_value(*field) : OptionValue{std::string{}};
}

template <auto Member>
struct FieldOf;
template <class T, T Config::*Member>
struct FieldOf<Member> {
  static void set(Config& config, BufferConfig&, const OptionValue& value) {
    config.*Member = from_value<T>(value);
  }
  static OptionValue get(const Config& config, const BufferConfig&) {
    return to_value(config.*Member);
  }
};
template <class T, T BufferConfig::*Member>
struct FieldOf<Member> {
  static void set(Config&, BufferConfig& buffer, const OptionValue& value) {
    buffer.*Member = from_value<T>(value);
  }
  static OptionValue get(const Config&, const BufferConfig& buffer) {
    return to_value(buffer.*Member);
  }
};
template <auto Member>
constexpr OptionField field() {
  return {FieldOf<Member>::set, FieldOf<Member>::get};
}

constexpr std::uint64_t kKiB = 1ULL << 10;
constexpr std::uint64_t kMiB = 1ULL << 20;
constexpr std::uint64_t kGiB = 1ULL << 30;
constexpr std::uint64_t kTiB = 1ULL << 40;
constexpr std::uint64_t kSecond = 1000;
constexpr std::uint64_t kHour = 3600 * kSecond;

using S = OptionScope;
using T = OptionType;
using B = BufferConfig;
using C = Config;

constexpr Option kOptions[] = {
    {.scope = S::command,
     .key = "config",
     .type = T::text,
     .help = "Config file: JSON, comments allowed",
     .flag = "-c,--config",
     .metavar = "FILE",
     .environment = "PUNCHLINE_CONFIG"},
    {.scope = S::command,
     .key = "once",
     .type = T::boolean,
     .help = "Forward the complete records that are there at start, then end",
     .flag = "--once",
     .environment = "PUNCHLINE_ONCE",
     .field = field<&C::once>()},
    {.scope = S::command,
     .key = "timeout",
     .type = T::duration,
     .help = "With --once: give up after this time with exit code 69 (default: no limit)",
     .flag = "--timeout",
     .metavar = "S",
     .environment = "PUNCHLINE_TIMEOUT",
     .min = 1,
     .max = 366 * 24 * kHour,
     .field = field<&C::once_timeout>()},
    {.scope = S::command,
     .key = "fence",
     .type = T::boolean,
     .help = "Read what is in the buffers now as carefully as after a power cut: for volumes that "
             "were detached and attached again",
     .flag = "--fence",
     .environment = "PUNCHLINE_FENCE",
     .field = field<&C::fence>()},

    {.scope = S::buffer,
     .key = "path",
     .type = T::text,
     .help = "The buffer file; created if missing. -b adds one, and may be repeated",
     .flag = "-b,--buffer",
     .metavar = "BUFFER",
     .environment = "PUNCHLINE_BUFFER",
     .field = field<&B::path>()},
    {.scope = S::buffer,
     .key = "topic",
     .type = T::text,
     .help = "Kafka topic its records go to; ${NAME} is a variable of the environment. --topic "
             "applies to all buffers given by -b",
     .flag = "--topic",
     .metavar = "NAME",
     .environment = "PUNCHLINE_TOPIC",
     .field = field<&B::topic>()},
    {.scope = S::buffer,
     .key = "dead_letter_topic",
     .type = T::text,
     .help = "Forward what is set aside from BUFFER.quarantine to this topic; ${NAME} as above "
             "(default: it stays there)",
     .environment = "PUNCHLINE_DEAD_LETTER_TOPIC",
     .field = field<&B::dead_letter_topic>()},
    {.scope = S::buffer,
     .key = "key_constant",
     .type = T::text,
     .help = "Key of each record that has none; ${NAME} as above",
     .environment = "PUNCHLINE_KEY_CONSTANT",
     .field = field<&B::key_constant>()},
    {.scope = S::buffer,
     .key = "key_json",
     .type = T::text,
     .help =
         "Key of each record that has none: what this JSON pointer (/user/id) finds in it, text, "
         "a number, true or false; a record in which it finds nothing is sent without key",
     .environment = "PUNCHLINE_KEY_JSON",
     .field = field<&B::key_json>()},
    {.scope = S::buffer,
     .key = "key_column",
     .type = T::count,
     .help = "Key of each record that has none: its n-th column, from 1; a record with fewer is "
             "sent without key; 0: none",
     .environment = "PUNCHLINE_KEY_COLUMN",
     .min = 0,
     .max = 10'000,
     .field = field<&B::key_column>()},
    {.scope = S::buffer,
     .key = "key_separator",
     .type = T::text,
     .help = "The byte between columns (default: a tab)",
     .environment = "PUNCHLINE_KEY_SEPARATOR",
     .field = field<&B::key_separator>()},
    {.scope = S::buffer,
     .key = "headers",
     .type = T::pairs,
     .help = "Headers sent with each record, {\"name\": \"value\"}; ${NAME} as above",
     .environment = "PUNCHLINE_HEADERS",
     .field = field<&B::headers>()},
    {.scope = S::buffer,
     .key = "provenance",
     .type = T::boolean,
     .help =
         "Send headers punchline.buffer, .position, .crc32c and .host: two records of which the "
         "first three are equal are one, sent twice",
     .environment = "PUNCHLINE_PROVENANCE",
     .field = field<&B::provenance>()},
    {.scope = S::buffer,
     .key = "record_bytes_max",
     .type = T::bytes,
     .help = "Longer records are set aside",
     .environment = "PUNCHLINE_RECORD_BYTES_MAX",
     .min = 1,
     .max = 64 * kMiB,
     .field = field<&B::record_bytes_max>()},
    {.scope = S::buffer,
     .key = "unfreed_bytes_max",
     .type = T::bytes,
     .help = "No more records are offered while more than this is confirmed and cannot be freed, "
             "but for want of room (a full quota), where it goes on",
     .environment = "PUNCHLINE_UNFREED_BYTES_MAX",
     .min = kMiB,
     .max = kTiB,
     .field = field<&B::unfreed_bytes_max>()},
    {.scope = S::buffer,
     .key = "collapse_bytes_min",
     .type = T::bytes,
     .help = "Cut the hole at the front off the file when it is so large, and larger than the data "
             "behind it (ext4 and XFS), which keeps the logical size small; 0: never",
     .environment = "PUNCHLINE_COLLAPSE_BYTES_MIN",
     .min = 0,
     .max = kTiB,
     .field = field<&B::collapse_bytes_min>()},
    {.scope = S::buffer,
     .key = "bytes_max",
     .type = T::bytes,
     .help = "So much data a buffer may hold, in its data segments; 0: as much as fits the disk",
     .environment = "PUNCHLINE_BYTES_MAX",
     .min = 0,
     .max = 1024 * kTiB,
     .field = field<&B::bytes_max>()},
    {.scope = S::buffer,
     .key = "when_full",
     .type = T::choice,
     .help = "At bytes_max: keep (warn and grow), block (append waits), drop_oldest (drop the "
             "oldest records that are not in flight, but not in the first ten seconds of a run; "
             "counted and logged). What is set aside in place does not count",
     .environment = "PUNCHLINE_WHEN_FULL",
     .choices = "keep|block|drop_oldest",
     .field = field<&B::when_full>()},
    {.scope = S::buffer,
     .key = "order",
     .type = T::choice,
     .help = "Of a partition: strict (no record goes before an earlier one has arrived), relaxed "
             "(what is appended now goes first, a backlog and what failed follow beside it)",
     .environment = "PUNCHLINE_ORDER",
     .choices = "strict|relaxed",
     .field = field<&B::order>()},
    {.scope = S::buffer,
     .key = "timestamps",
     .type = T::choice,
     .help = "When a topic refuses the time that a frame claims (message.timestamp.*.max.ms): "
             "as_given (set the record aside), now_if_refused (send it with the time of now, its "
             "own in the header punchline.timestamp, ms since the epoch)",
     .environment = "PUNCHLINE_TIMESTAMPS",
     .choices = "as_given|now_if_refused",
     .field = field<&B::timestamps>()},
    {.scope = S::buffer,
     .key = "drain_rate",
     .type = T::bytes,
     .help = "Payload sent to Kafka at most, bytes a second, so that a backlog does not flood a "
             "cluster that has just come back; in relaxed order of the backlog alone; 0: no limit",
     .environment = "PUNCHLINE_DRAIN_RATE",
     .min = 0,
     .max = kTiB,
     .field = field<&B::drain_rate>()},
    {.scope = S::buffer,
     .key = "partial_timeout",
     .type = T::duration,
     .help = "Close an unfinished last line with a newline and deliver it when it has stood still "
             "for so long; 0: it waits for ever",
     .environment = "PUNCHLINE_PARTIAL_TIMEOUT",
     .min = 0,
     .max = 24 * kHour,
     .field = field<&B::partial_timeout>()},
    {.scope = S::buffer,
     .key = "stripe_bytes",
     .type = T::bytes,
     .help = "So many bytes of the buffer go to one partition, the next to the next; what waits "
             "when it is changed still goes by the old one",
     .environment = "PUNCHLINE_STRIPE_BYTES",
     .min = 4 * kKiB,
     .max = kGiB,
     .field = field<&B::stripe_bytes>()},
    {.scope = S::buffer,
     .key = "mode",
     .type = T::mode,
     .help = "Permissions of a buffer that is created, octal",
     .environment = "PUNCHLINE_MODE",
     .min = 0,
     .max = 0777,
     .field = field<&B::mode>()},
    {.scope = S::buffer,
     .key = "group",
     .type = T::text,
     .help = "Group of a buffer that is created (default: that of the process)",
     .environment = "PUNCHLINE_GROUP",
     .field = field<&B::group>()},

    {.scope = S::kafka,
     .key = "bootstrap.servers",
     .type = T::text,
     .help = "Brokers to begin with: host:port,host:port",
     .flag = "--brokers",
     .metavar = "LIST",
     .environment = "PUNCHLINE_BROKERS"},
    {.scope = S::kafka,
     .key = "*",
     .type = T::text,
     .help = "Any librdkafka property, except those that would break the guarantee; instead of "
             "text {\"file\": \"PATH\"}, or a variable ..._FILE that names one, for secrets",
     .flag = "-X",
     .metavar = "property=value",
     .environment = "PUNCHLINE_KAFKA_PROPERTY_NAME"},

    {.scope = S::http,
     .key = "listen",
     .type = T::text,
     .help = "Serve /metrics, /healthz, /readyz and /status here; [::1]:9377 for IPv6, port 0 "
             "picks one and logs it (default: off)",
     .flag = "--listen",
     .metavar = "ADDR:PORT",
     .environment = "PUNCHLINE_HTTP_LISTEN",
     .field = field<&C::http_listen>()},

    {.scope = S::top,
     .key = "stop_timeout",
     .type = T::duration,
     .help = "From SIGTERM to the end: wait so long for what is on its way, and to note what has "
             "arrived, for which 1.5 s of it are kept (half of it below 3 s); a second signal ends "
             "the waiting",
     .environment = "PUNCHLINE_STOP_TIMEOUT",
     .min = 0,
     .max = kHour,
     .field = field<&C::stop_timeout>()},
    {.scope = S::top,
     .key = "on_stop",
     .type = T::choice,
     .help = "At SIGTERM: settle (send nothing more, the buffer keeps the rest), drain (go on, within "
             "drain_rate, until nothing complete waits, or until 2 s before the end of "
             "stop_timeout, which are kept to settle; exit code 75 if something stays), for "
             "buffers that are gone with their machine or pod",
     .environment = "PUNCHLINE_ON_STOP",
     .choices = "settle|drain",
     .field = field<&C::on_stop>()},
    {.scope = S::top,
     .key = "ready_requires",
     .type = T::choice,
     .help = "When /readyz says 200 although some buffer cannot be opened (it is tried again each "
             "second while the others are forwarded): all (not before each is open), any (one is "
             "enough)",
     .environment = "PUNCHLINE_READY_REQUIRES",
     .choices = "all|any",
     .field = field<&C::ready_requires>()},
    {.scope = S::top,
     .key = "clock",
     .type = T::choice,
     .help = "While the machine's clock says a time before 2026, as on a board without a battery "
             "until NTP has set it: as_is (send with that time, which Kafka may delete at once), "
             "wait (send nothing), broker (send what has no time of its own without one: "
             "retention.ms counts from when Kafka wrote it, consumers see no time)",
     .environment = "PUNCHLINE_CLOCK",
     .choices = "as_is|wait|broker",
     .field = field<&C::clock>()},
    {.scope = S::top,
     .key = "chunk_bytes_max",
     .type = T::bytes,
     .help = "Memory for records read and not yet settled, all buffers together. Beyond it a buffer "
             "that holds nothing has 256 KiB, and one larger record at a time is read, so that none "
             "waits for what others do not get back",
     .environment = "PUNCHLINE_CHUNK_BYTES_MAX",
     .min = kMiB,
     .max = 4 * kGiB,
     .field = field<&C::chunk_bytes_max>()},
    {.scope = S::top,
     .key = "log_level",
     .type = T::choice,
     .help = "The log on stderr begins with this level",
     .environment = "PUNCHLINE_LOG_LEVEL",
     .choices = "debug|info|warning|error",
     .field = field<&C::log_level>()},
    {.scope = S::top,
     .key = "log_format",
     .type = T::choice,
     .help = "Text for people or one JSON object a line",
     .environment = "PUNCHLINE_LOG_FORMAT",
     .choices = "text|json",
     .field = field<&C::log_format>()},
};

}  // namespace

std::span<const Option> option_table() {
  return kOptions;
}

}  // namespace punchline
