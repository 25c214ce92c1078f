// Buffers whose partitions confirm nothing hold the memory that all share.

#include <string>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using std::chrono::seconds;

/// More buffers than there are chunks in the memory, on a topic without a leader, and one on "t".
struct Held : Place {
  static constexpr int kSilent = 8;
  static constexpr std::size_t kLineBytes = 1000;
  static constexpr std::size_t kLines = 1000;  // more than a chunk

  Held() {
    REQUIRE(broker->create_topic("silent", 1).ok());
    broker->set_leader("silent", 0, -1);
    std::string buffers;
    for (int i = 0; i < kSilent; ++i)
      buffers += entry("silent" + std::to_string(i), "silent");
    write_file(folder.file("config.json"),
               R"({"chunk_bytes_max": "1MiB", "http": {"listen": "127.0.0.1:0"}, )"
               R"("kafka": {"bootstrap.servers": ")" +
                   broker->bootstrap() + R"("}, "buffers": [)" + buffers + entry("buffer", "t"));
    for (int i = 0; i < kSilent; ++i)
      fill("silent" + std::to_string(i));
  }
  std::string entry(const std::string& name, const std::string& topic) const {
    const auto more = R"(", "topic": ")" + topic + R"(", "record_bytes_max": "4MiB"})";
    return R"({"path": ")" + folder.file(name) + more + (topic == "t" ? "]}" : ", ");
  }
  void fill(const std::string& name) const {
    std::string text;
    for (std::size_t line = 0; line < kLines; ++line)
      text.append(kLineBytes - 1, 'x').append("\n");
    write_file(folder.file(name), text);
  }
};

TEST_CASE("a buffer goes on though others hold the memory and get nothing confirmed") {
  Held it;
  Agent agent(it.buffer, punchline({"run", "-c", it.folder.file("config.json")}));
  CHECK(eventually(seconds(30), [&] { return agent.metric("punchline_records_read_total") > 0; }));
  it.fill("buffer");
  it.append(std::string(3 << 20, 'y') + "\n");  // larger than all the memory
  it.append("last\n");
  CHECK(eventually(seconds(30), [&] {
    return agent.metric("punchline_records_confirmed_total") == Held::kLines + 2;
  }));
  CHECK(agent.stop(seconds(60)).code == 0);
}

}  // namespace
}  // namespace punchline::testing
