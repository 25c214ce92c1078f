#include <fstream>

#include "tests/support/catch.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/kcat.h"
#include "tests/support/program.h"

namespace punchline::testing {
namespace {

using namespace std::string_literals;

// Runs the program in a mount namespace of its own in which the machine has another boot id.
std::vector<std::string> in_boot(const TempDir& folder, const std::string& boot_id) {
  const auto file = folder.file("boot-" + boot_id.substr(0, 8));
  write_file(file, boot_id + "\n");
  return {"unshare",
          "-m",
          "--propagation",
          "private",
          "sh",
          "-c",
          "mount --bind '" + file + "' /proc/sys/kernel/random/boot_id && exec \"$0\" \"$@\""};
}

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

TEST_CASE("after a new boot what may be torn is set aside, and what follows is delivered",
          "[R2][R3][S3]") {
  KafkaCluster kafka;
  kafka.create_topic("boots", 1);
  const TempDir folder("boots");
  const auto buffer = folder.file("buffer");
  RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "boots"};
  const auto delivered = [&] {
    return read_file(read_topic(kafka.bootstrap(), "boots", 1, folder.path())[0]);
  };

  setup.before = in_boot(folder, "11111111-1111-4111-8111-111111111111");
  append(buffer, "one\ntwo\n");
  CHECK(run_once(setup).exit.code == 0);
  CHECK(delivered() == "one\ntwo\n");

  // The machine goes down in mid-write: half a line, and a page that never reached the disk.
  append(buffer, "three\nfo");
  append(buffer, "ur\0\0\0\0five\nsix\nhalf a li"s);
  setup.before = in_boot(folder, "22222222-2222-4222-8222-222222222222");
  const auto second = run_once(setup);
  INFO(second.err);
  CHECK(second.exit.code == 65);
  CHECK(delivered() == "one\ntwo\nthree\nsix\n");
  CHECK(inspect(buffer + ".quarantine").waiting_records == 2);

  // Whoever appends now is not glued to the torn line.
  append(buffer, "seven\n");
  const auto third = run_once(setup);
  INFO(third.err);
  CHECK(third.exit.code == 0);  // what was set aside is in the quarantine
  CHECK(delivered() == "one\ntwo\nthree\nsix\nseven\n");
  CHECK(read_file(buffer + ".quarantine").find("half a li") != std::string::npos);
}

TEST_CASE("within one boot the same bytes are records") {
  KafkaCluster kafka;
  kafka.create_topic("boot", 1);
  const TempDir folder("boot");
  const auto buffer = folder.file("buffer");
  RunSetup setup{.buffer = buffer, .brokers = kafka.bootstrap(), .topic = "boot"};
  setup.before = in_boot(folder, "11111111-1111-4111-8111-111111111111");
  append(buffer, "one\n");
  CHECK(run_once(setup).exit.code == 0);
  append(buffer, "fo\0ur\nhalf a li"s);
  CHECK(run_once(setup).exit.code == 0);
  append(buffer, "ne\n");
  CHECK(run_once(setup).exit.code == 0);
  CHECK(read_file(read_topic(kafka.bootstrap(), "boot", 1, folder.path())[0]) ==
        "one\nfo\0ur\nhalf a line\n"s);
}

}  // namespace
}  // namespace punchline::testing
