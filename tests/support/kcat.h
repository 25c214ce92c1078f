#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace punchline::testing {

/// kcat, a Kafka client that is not ours. All of these throw std::runtime_error with kcat's words.

/// Reads partitions [0, count) of a topic from the beginning to what is their end now, each into
/// a file in `folder`: the records in their order, a newline behind each.
std::vector<std::filesystem::path> read_topic(const std::string& bootstrap,
                                              const std::string& topic, std::int32_t count,
                                              const std::filesystem::path& folder);

/// The same with all that Kafka keeps beside a record, in one file for each partition: for each
/// record "TIMESTAMP KEY_BYTES PAYLOAD_BYTES KEY|PAYLOAD|HEADERS" and a newline. KEY_BYTES is -1
/// where there is no key; HEADERS is "name=value,name=value", a null value NULL.
std::vector<std::filesystem::path> read_topic_whole(const std::string& bootstrap,
                                                    const std::string& topic, std::int32_t count,
                                                    const std::filesystem::path& folder);

/// Sends each line of a file as one record. What the brokers have not taken within `limit` is
/// given up, which is an error.
void send_lines(const std::string& bootstrap, const std::string& topic, const std::string& path,
                std::chrono::milliseconds limit = std::chrono::minutes(5));

}  // namespace punchline::testing
