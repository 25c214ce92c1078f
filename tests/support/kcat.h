#pragma once

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

/// Sends each line of a file as one record.
void send_lines(const std::string& bootstrap, const std::string& topic, const std::string& path);

}  // namespace punchline::testing
