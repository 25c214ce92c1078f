#include <filesystem>

#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

Finished requeue(const Place& place, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"requeue", place.quarantine});
  return run(punchline(more));
}

const std::string kLarge(1'100'000, 'x');

}  // namespace

TEST_CASE("an oversize record is moved out, freed, and comes back when the limit is raised") {
  Place place;
  place.append("one\n" + kLarge + "\ntwo\n");
  const auto first = place.once();
  INFO(first.err);
  CHECK(first.exit.code == 65);
  CHECK(place.delivered() == "one\ntwo\n");
  CHECK(inspect(place.buffer).data_bytes <= 4096);
  CHECK(inspect(place.quarantine).waiting_records == 1);
  CHECK_THAT(inspect(place.quarantine).text, Contains("\"frames\""));
  CHECK(place.once().exit.code == 0);

  const auto refused = requeue(place);
  CHECK(refused.exit.code == 65);
  CHECK_THAT(refused.out, Contains("1 over record_bytes_max"));
  const auto config = place.folder.file("config");
  write_file(config, "{\"buffers\": [{\"path\": \"" + place.buffer +
                         "\", \"topic\": \"t\", \"record_bytes_max\": 2000000}]}");
  const auto raised = run(punchline({"run", "-c", config, "--brokers", place.broker->bootstrap(),
                                     "--once", "-X", "message.max.bytes=3000000"}));
  INFO(raised.err);
  CHECK(raised.exit.code == 0);
  const auto back = requeue(place);
  INFO(back.err);
  CHECK(back.exit.code == 0);
  CHECK_THAT(back.out, Contains("requeued  1 records"));
  CHECK(read_file(place.buffer).find(kLarge) != std::string::npos);
  CHECK(inspect(place.quarantine).waiting_records == 0);
  const auto again = requeue(place);
  CHECK(again.exit.code == 0);
  CHECK_THAT(again.out, Contains("requeued  0 records"));
}

TEST_CASE("a torn line comes back only by force") {
  Place place;
  place.append(std::string("one\nto\0rn\ntwo\n", 14));
  const auto first = place.once({"--fence"});
  INFO(first.err);
  CHECK(first.exit.code == 65);
  CHECK(place.delivered() == "one\ntwo\n");
  const auto refused = requeue(place);
  CHECK(refused.exit.code == 65);
  CHECK_THAT(refused.out, Contains("1 not proved whole"));
  CHECK(inspect(place.quarantine).waiting_records == 1);
  CHECK(requeue(place, {"--force"}).exit.code == 0);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == std::string("one\ntwo\nto\0rn\n", 14));
}

TEST_CASE("damage between frames is kept byte for byte") {
  Place place;
  REQUIRE(place.append_lines("one\ntwo\n", {"--format", "frames"}).exit.code == 0);
  place.append("what is this?");
  REQUIRE(place.append_lines("one\ntwo\n", {"--format", "frames"}).exit.code == 0);
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 65);
  CHECK(place.delivered() == "one\ntwo\none\ntwo\n");
  CHECK_THAT(read_file(place.quarantine), Contains("what is this?"));
  CHECK(inspect(place.buffer).data_bytes <= 4096);
}

TEST_CASE("what is no quarantine, or another's, is refused") {
  Place place;
  place.append("one\n" + kLarge + "\n");
  CHECK(place.once().exit.code == 65);
  const auto other = place.folder.file("other");
  write_file(other, "a line\n");
  auto with_other = place.setup;
  with_other.buffer = other;
  CHECK(run_once(with_other).exit.code == 0);

  const auto elsewhere = requeue(place, {other});
  CHECK(elsewhere.exit.code == 78);
  CHECK_THAT(elsewhere.err, Contains("UUID"));
  const auto lines = run(punchline({"requeue", other, place.buffer}));
  CHECK(lines.exit.code == 78);
  CHECK_THAT(lines.err, Contains("is no quarantine"));
  CHECK(run(punchline({"requeue", other})).exit.code == 64);
  CHECK(run(punchline({"requeue", place.folder.file("missing"), place.buffer})).exit.code == 73);
  CHECK(!fs::exists(place.folder.file("missing")));
  CHECK(inspect(place.quarantine).waiting_records == 1);
}

TEST_CASE("a quarantine that cannot be made: the record stays in the buffer, the rest goes on") {
  Place place;
  place.append("one\n" + kLarge + "\ntwo\n");
  fs::create_directory(place.quarantine);
  const auto once = place.once();
  INFO(once.err);
  CHECK(once.exit.code == 65);
  CHECK_THAT(once.err, Contains("stays in the buffer"));
  CHECK(place.delivered() == "one\ntwo\n");
  CHECK(inspect(place.buffer).set_aside == 1);
  fs::remove(place.quarantine);
  CHECK(place.once().exit.code == 65);
  CHECK(inspect(place.buffer).set_aside == 0);
  CHECK(inspect(place.quarantine).waiting_records == 1);
}

}  // namespace punchline::testing
