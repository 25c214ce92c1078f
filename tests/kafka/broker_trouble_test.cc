// Troubles of one broker, and of the way to it: its disk is full, packets are lost, its name does
// not resolve, the topic is missing. Each time all arrives in the end, byte for byte and in order.

#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/kafka/scene.h"
#include "tests/support/catch.h"
#include "tests/support/eventually.h"
#include "tests/support/fs_mounts.h"
#include "tests/support/net_namespace.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

KafkaCluster& shared_cluster() {
  static KafkaCluster cluster;
  return cluster;
}

// A small filesystem for a broker's logs, and a file that takes up what is left of it.
class SmallDisk {
 public:
  static constexpr std::uint64_t kBytes = 96ULL << 20;

  explicit SmallDisk(FsMounts& mounts) : folder_(mounts.mount("ext4", kBytes)) {
    if (folder_.empty()) folder_ = mounts.mount("tmpfs", kBytes);
  }
  const std::string& folder() const { return folder_; }
  std::string logs() const { return folder_ + "/logs"; }  // not beside ext4's lost+found
  void fill() const { fill_up(filler(), 0); }
  void make_room() const { std::filesystem::remove(filler()); }

 private:
  std::string filler() const { return folder_ + "/filler"; }

  std::string folder_;
};

std::size_t count_of(const std::string& text, std::string_view word) {
  std::size_t count = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 1))
    ++count;
  return count;
}

TEST_CASE("a broker's only disk is full, it gives up; with room and a restart all arrives",
          "[.slow]") {
  FsMounts mounts;
  const SmallDisk disk(mounts);
  if (disk.folder().empty()) {
    WARN("left out: " << mounts.why());
    return;
  }
  KafkaCluster kafka({.properties = {{"log.dirs", disk.logs()}}});
  Scene scene(kafka, {.topic = "full", .partitions = 2});
  scene.during("the only log directory is full", lane_records_max(2), [&](Scene&) {
    scene.goes_on();
    disk.fill();
    REQUIRE(eventually(kPatience, [&] { return !kafka.running(0); }));
    CHECK(kafka.words(0).find("No space left on device") != std::string::npos);
    scene.wait_for_lines(kLinesPerSecond);
    CHECK(scene.behind() > kLinesPerSecond);
    disk.make_room();
    kafka.restart(0);
  });
  scene.close();
}

TEST_CASE("one of a broker's two disks is full: its partitions wait, the others go on") {
  FsMounts mounts;
  const SmallDisk disk(mounts);
  if (disk.folder().empty()) {
    WARN("left out: " << mounts.why());
    return;
  }
  const TempDir large("large", TempDir::Where::memory);
  KafkaCluster kafka({.properties = {{"log.dirs", large.file("logs") + "," + disk.logs()},
                                     {"metadata.log.dir", large.file("logs")}}});
  Scene scene(kafka, {.topic = "half", .partitions = 4});
  scene.during("one of two log directories is full", lane_records_max(4), [&](Scene&) {
    scene.goes_on();
    disk.fill();
    REQUIRE(eventually(kPatience, [&] {
      return kafka.words(0).find("No space left on device") != std::string::npos;
    }));
    const auto before = scene.confirmed();
    scene.wait_for_lines(4 * kLinesPerSecond);
    CHECK(kafka.running(0));
    CHECK(scene.confirmed() > before + kLinesPerSecond);
    CHECK(scene.behind() > kLinesPerSecond);
    disk.make_room();
    kafka.stop(0);
    kafka.restart(0);
  });
  scene.close();
}

TEST_CASE("one packet of a hundred is lost: all arrives") {
  NetNamespace network;
  if (!network.lose_percent(1)) {
    WARN("left out: " << network.why());
    return;
  }
  KafkaCluster kafka;
  constexpr std::uint64_t kRate = 8 * kLinesPerSecond;
  Scene scene(kafka, {.topic = "lossy", .partitions = 2, .lines_per_second = kRate});
  const auto before = network.lost();
  scene.during("1 % of the packets are lost", lane_records_max(2),
               [](Scene& it) { it.wait_for_lines(8 * kRate); });
  const auto lost = network.lost() - before;
  std::cout << lost << " packets lost\n";
  CHECK(lost > 100);
  network.lose_none();
  scene.close();
}

// Runs the agent in a mount namespace of its own where names come from this file alone.
std::vector<std::string> with_names_of(const TempDir& folder) {
  write_file(folder.file("hosts"), "127.0.0.1 localhost\n");
  write_file(folder.file("resolv"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
  return {"unshare",
          "-m",
          "--propagation",
          "private",
          "sh",
          "-c",
          "mount --bind '" + folder.file("hosts") + "' /etc/hosts && mount --bind '" +
              folder.file("resolv") + "' /etc/resolv.conf && exec \"$0\" \"$@\""};
}

TEST_CASE("the broker's name does not resolve at first: said once, and all arrives later") {
  const TempDir names("names");
  auto& kafka = shared_cluster();
  const auto port = kafka.bootstrap().substr(kafka.bootstrap().find(':'));
  Scene scene(kafka, {.topic = "names",
                      .brokers = "kafka.punchline.invalid" + port,
                      .before = with_names_of(names)});
  scene.during("the broker's name does not resolve", 0, [&](Scene&) {
    REQUIRE(scene.agent().logs("no Kafka broker answers", kPatience));
    scene.wait_for_lines(3 * kLinesPerSecond);
    CHECK(scene.confirmed() == 0);
    write_file(names.file("hosts"), "127.0.0.1 localhost kafka.punchline.invalid\n");
  });
  const auto log = scene.agent().log();
  INFO(log);
  CHECK(count_of(log, "no Kafka broker answers") == 1);
  CHECK(log.find("resolve") != std::string::npos);
  scene.close();
}

TEST_CASE("the topic does not exist and is not made by itself: said once, and all arrives later") {
  auto& kafka = shared_cluster();
  Scene scene(kafka, {.topic = "later", .partitions = 2, .topic_is_there = false});
  scene.during("the topic is not there yet", 0, [&](Scene&) {
    REQUIRE(scene.agent().logs("topic 'later' does not exist", kPatience));
    scene.wait_for_lines(3 * kLinesPerSecond);
    CHECK(scene.confirmed() == 0);
    kafka.create_topic("later", 2);
  });
  const auto log = scene.agent().log();
  INFO(log);
  CHECK(count_of(log, "topic 'later' does not exist") == 1);
  scene.close();
}

}  // namespace
}  // namespace punchline::testing
