#pragma once

#include <fstream>
#include <memory>
#include <string>

#include "tests/support/catch.h"
#include "tests/support/faulty_broker.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {

/// A buffer that does not exist yet, in a folder of its own, and the broker that librdkafka can
/// play, with topic "t" of one partition.
struct Place {
  TempDir folder{"place"};
  std::string buffer = folder.file("buffer");
  std::string quarantine = buffer + ".quarantine";
  std::unique_ptr<FaultyBroker> broker;
  RunSetup setup;

  Place() {
    auto started = FaultyBroker::start();
    REQUIRE(started.ok());
    broker = std::move(*started);
    REQUIRE(broker->create_topic("t", 1).ok());
    setup = {.buffer = buffer, .brokers = broker->bootstrap(), .topic = "t"};
  }

  /// What is in the topic, a newline behind each record.
  std::string delivered() const {
    return read_file(read_topic(broker->bootstrap(), "t", 1, folder.path())[0]);
  }
  /// As a producer does it.
  void append(const std::string& text) const {
    std::ofstream(buffer, std::ios::binary | std::ios::app) << text;
  }
  /// `punchline append` with these lines on its standard input.
  Finished append_lines(const std::string& text, std::vector<std::string> more = {}) const {
    write_file(folder.file("input"), text);
    more.insert(more.begin(), {"append", buffer});
    auto command = punchline(more);
    command.stdin_path = folder.file("input");
    return run(command);
  }
  /// `punchline run --once`.
  Finished once(std::vector<std::string> more = {}) const {
    auto with = setup;
    with.more = std::move(more);
    return run_once(with);
  }
};

}  // namespace punchline::testing
