#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace punchline::testing {

/// kcat, a Kafka client that is not ours. All of these throw std::runtime_error with kcat's words.

/// Reads partitions [0, count) of a topic from the beginning to their present end, each into a file
/// in `folder`: the records in their order, with a newline after each.
std::vector<std::filesystem::path> read_topic(const std::string& bootstrap,
                                              const std::string& topic, std::int32_t count,
                                              const std::filesystem::path& folder);

/// The same with all that Kafka keeps beside a record, in one file for each partition. Each record
/// is "TIMESTAMP KEY_BYTES PAYLOAD_BYTES KEY|PAYLOAD|HEADERS" and a newline. KEY_BYTES is -1 if
/// there is no key. HEADERS is "name=value,name=value"; a null value is NULL.
std::vector<std::filesystem::path> read_topic_whole(const std::string& bootstrap,
                                                    const std::string& topic, std::int32_t count,
                                                    const std::filesystem::path& folder);

/// Sends each line of a file as one record. Records that the brokers have not taken within `limit`
/// are given up, which is an error.
void send_lines(const std::string& bootstrap, const std::string& topic, const std::string& path,
                std::chrono::milliseconds limit = std::chrono::minutes(5));

}  // namespace punchline::testing
