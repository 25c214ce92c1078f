#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/support/eventually.h"
#include "tests/support/shared_lock.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;

Finished requeue(const Place& place, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"requeue", place.quarantine});
  return run(punchline(more));
}

/// requeue under strace(1), which does something to its calls on the buffer (strace's -e inject).
Finished requeue_under_strace(const Place& place, const std::string& injection) {
  auto back = punchline({"requeue", place.quarantine});
  back.argv.insert(back.argv.begin(), {"strace", "-E", "ASAN_OPTIONS=detect_leaks=0", "-o",
                                       "/dev/null", "-P", place.buffer, "-e", injection});
  return run(back);
}

/// Runs once with 2 MiB allowed for a record.
Finished once_with_limit_raised(const Place& place, const std::string& buffer) {
  const auto config = place.folder.file("config");
  write_file(config, "{\"buffers\": [{\"path\": \"" + buffer +
                         "\", \"topic\": \"t\", \"record_bytes_max\": 2000000}]}");
  return run(punchline({"run", "-c", config, "--brokers", place.broker->bootstrap(), "--once", "-X",
                        "message.max.bytes=3000000"}));
}

const std::string kLarge(1'100'000, 'x');

// To look for a long run of one byte in others of its kind takes minutes.
bool has_line(const std::string& text, const std::string& line) {
  std::istringstream lines(text);
  for (std::string each; std::getline(lines, each);)
    if (each == line) return true;
  return false;
}

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
  const auto raised = once_with_limit_raised(place, place.buffer);
  INFO(raised.err);
  CHECK(raised.exit.code == 0);
  const auto back = requeue(place);
  INFO(back.err);
  CHECK(back.exit.code == 0);
  CHECK_THAT(back.out, Contains("requeued  1 record "));
  CHECK(read_file(place.buffer).find(kLarge) != std::string::npos);
  CHECK(inspect(place.quarantine).waiting_records == 0);
  const auto again = requeue(place);
  CHECK(again.exit.code == 0);
  CHECK_THAT(again.out, Contains("requeued  0 records"));
}

TEST_CASE("the NULs around an oversize record come back with it, and go to a dead-letter topic") {
  const Place place;
  const auto record = std::string(2, '\0') + kLarge + std::string(3, '\0') + "\n";
  place.append(record);
  CHECK(place.once().exit.code == 65);
  CHECK(inspect(place.buffer).set_aside == 0);
  SECTION("given back") {
    CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
    CHECK(requeue(place).exit.code == 0);
    CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
  }
  SECTION("as a dead letter, which goes on as a record of the quarantine does") {
    CHECK(once_with_limit_raised(place, place.quarantine).exit.code == 0);
  }
  CHECK((place.delivered() == record));
}

TEST_CASE("what waits in a quarantine is said by run at its start, by check and by inspect") {
  const Place place;
  place.append(kLarge + "\n" + kLarge + "\n");
  const auto first = place.once();
  CHECK(first.err.find(".quarantine holds") == std::string::npos);
  CHECK(run(punchline({"inspect", place.quarantine})).out.find("holds") == std::string::npos);
  const auto words = Contains(place.quarantine + " holds 2 entries (2200");
  CHECK_THAT(place.once().err, words);
  CHECK_THAT(run(punchline({"inspect", place.buffer})).out,
             words && Contains("'punchline inspect " + place.quarantine + "' shows it") &&
                 Contains("'punchline requeue " + place.quarantine + "' gives it back"));
  CHECK_THAT(run(punchline({"inspect", place.quarantine})).out,
             Contains("'punchline requeue " + place.quarantine + "' gives them back") &&
                 Contains("Z  oversize, "));
  const auto check = run(punchline(
      {"check", "-b", place.buffer, "--topic", "t", "--brokers", place.broker->bootstrap()}));
  CHECK_THAT(check.out, words);
  CHECK(check.exit.code == 0);
}

TEST_CASE("a torn line comes back only by force", "[Q5]") {
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

TEST_CASE("a quarantine that is removed while the agent runs is made anew") {
  const Place place;
  place.append(kLarge + "\n");
  Agent agent(place.setup);
  const auto quarantined = [&] { return agent.metric("punchline_quarantined_records_total"); };
  REQUIRE(eventually(std::chrono::seconds(20), [&] { return quarantined() == 1; }));
  fs::remove(place.quarantine);
  const std::string other(1'200'000, 'o');
  place.append(other + "\n");
  REQUIRE(eventually(std::chrono::seconds(20), [&] { return quarantined() == 2; }));
  INFO(agent.log());
  CHECK(agent.stop().code == 0);
  CHECK(read_file(place.quarantine).find(other) != std::string::npos);
  CHECK(inspect(place.quarantine).waiting_records == 1);
}

TEST_CASE("a copy for which there is no room stays in place, those made before are good", "[Q3]") {
  const Place place;
  const std::string half(300'000, 'x');
  const auto torn = half + std::string(1, '\0') + half + "\n";
  place.append(torn + torn + "whole\n");
  auto limited = place.setup;
  limited.more = {"--fence"};
  limited.before = {"sh", "-c", "ulimit -f 2000; exec \"$@\"", "sh"};  // of 512 bytes
  const auto first = run_once(limited);
  INFO(first.err);
  CHECK(first.exit.code == 65);
  CHECK(place.delivered() == "whole\n");
  CHECK(inspect(place.quarantine).waiting_records == 1);
  CHECK(place.once().exit.code == 65);
  CHECK(inspect(place.quarantine).waiting_records == 2);
}

TEST_CASE("what requeue has given back before it gives up is not given back again") {
  Place place;
  place.append(kLarge + "\n");
  CHECK(place.once().exit.code == 65);
  write_file(place.folder.file("input"), "no entry\n");
  auto bare = punchline({"append", place.quarantine, "--format", "frames"});
  bare.stdin_path = place.folder.file("input");
  REQUIRE(run(bare).exit.code == 0);
  place.append("small\n");
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
  CHECK(requeue(place).exit.code == 78);
  CHECK(requeue(place).exit.code == 78);
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
  CHECK(place.delivered() == "small\n" + kLarge + "\n");
  CHECK(requeue(place, {place.quarantine}).exit.code == 64);
}

// It comes when a write(2) begins.
TEST_CASE("a signal ends requeue between two entries", "[Q4]") {
  const Place place;
  place.append(kLarge + "1\n" + kLarge + "2\n");
  CHECK(place.once().exit.code == 65);
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
  const auto size = fs::file_size(place.buffer);
  const auto signal = GENERATE(as<std::string>(), "SIGINT", "SIGTERM", "SIGHUP");
  const auto ended = requeue_under_strace(place, "inject=write:when=1:signal=" + signal);
  INFO(ended.out << ended.err);
  CHECK(ended.exit.code == 75);
  CHECK_THAT(ended.out, Contains("requeued  1 record "));
  CHECK_THAT(ended.err, Contains("interrupted"));
  CHECK((read_file(place.buffer).substr(size) == "\n" + kLarge + "1\n"));
  CHECK(inspect(place.quarantine).waiting_records == 1);
  const auto rest = requeue(place);
  CHECK(rest.exit.code == 0);
  CHECK((read_file(place.buffer).substr(size) == "\n" + kLarge + "1\n\n" + kLarge + "2\n"));
}

TEST_CASE("a stranger's lock on the quarantine holds nothing up") {
  const Place place;
  place.append("one\n" + kLarge + "\n");
  write_file(place.quarantine, "");
  const SharedLock stranger(place.quarantine);
  Agent agent(place.setup);
  CHECK(eventually(std::chrono::seconds(20),
                   [&] { return inspect(place.quarantine).waiting_records == 1; }));
  CHECK(agent.stop().code == 0);
  CHECK(place.delivered() == "one\n");
}

TEST_CASE("an entry stays in the quarantine until its record is durable in the buffer", "[Q4]") {
  const Place place;
  place.append(kLarge + "\n");
  CHECK(place.once().exit.code == 65);
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
  const auto failed = requeue_under_strace(place, "inject=fdatasync:error=EIO");
  INFO(failed.out << failed.err);
  CHECK(failed.exit.code == 74);
  CHECK_THAT(failed.err, Contains(place.buffer));
  CHECK(inspect(place.quarantine).waiting_records == 1);
  CHECK_THAT(requeue(place).out, Contains("requeued  1 record "));
}

TEST_CASE("entries stay in the quarantine when the buffer is deleted while they are given back") {
  const Place place;
  place.append(kLarge + "1\n" + kLarge + "2\n");
  CHECK(place.once().exit.code == 65);
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);
  const auto size = fs::file_size(place.buffer);
  std::thread remover([&] {  // while the first write waits for its end
    (void)eventually(std::chrono::seconds(20), [&] { return fs::file_size(place.buffer) > size; });
    fs::remove(place.buffer);
  });
  const auto failed = requeue_under_strace(place, "inject=write:when=1:delay_exit=2000000");
  remover.join();
  INFO(failed.out << failed.err);
  CHECK(failed.exit.code == 74);
  CHECK(inspect(place.quarantine).waiting_records == 2);
}

TEST_CASE("frames may follow what a power cut left of the first ones") {
  const Place place;
  place.append(std::string(600, '\0') + "a piece of a payload");
  INFO(place.append_lines("whole\n", {"--format", "frames"}).err);
  const auto once = place.once({"--fence"});
  INFO(once.err);
  CHECK(once.exit.code == 65);
  CHECK(place.delivered() == "whole\n");
  CHECK(read_file(place.quarantine).find("a piece of a payload") != std::string::npos);
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

TEST_CASE(
    "a quarantine that is damaged or cut: what is whole comes back, the rest is said and stays") {
  Place place;
  place.append("one\n" + kLarge + "1\n" + kLarge + "2\n" + kLarge + "3\n");
  CHECK(place.once().exit.code == 65);
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);

  auto bytes = read_file(place.quarantine);
  SECTION("a bit is not what it was") {
    bytes[bytes.find("xxxx") + 1'000'000] ^= 1;
    std::fstream(place.quarantine, std::ios::in | std::ios::out | std::ios::binary) << bytes;
    const auto done = requeue(place);
    INFO(done.out << done.err);
    CHECK(done.exit.code == 65);
    CHECK_THAT(done.out, Contains("requeued  2 records") && Contains("1 damaged"));
    CHECK_FALSE(has_line(read_file(place.buffer), kLarge + "1"));
    CHECK(has_line(read_file(place.buffer), kLarge + "2"));
    CHECK(has_line(read_file(place.buffer), kLarge + "3"));
    CHECK_THAT(read_file(place.quarantine), Contains("x1"));
  }
  SECTION("its end is gone") {
    fs::resize_file(place.quarantine, bytes.size() - 100);
    const auto done = requeue(place);
    INFO(done.out << done.err);
    CHECK(done.exit.code == 65);
    CHECK_THAT(done.out, Contains("requeued  2 records") && Contains("bytes at the end"));
    CHECK_THAT(read_file(place.quarantine), Contains("xxxx"));
    const auto again = requeue(place);
    CHECK(again.exit.code == 65);
    CHECK_THAT(again.out, Contains("requeued  0 records"));
  }
  SECTION("all of it is gone") {
    fs::resize_file(place.quarantine, 0);
    const auto done = requeue(place);
    INFO(done.out << done.err);
    CHECK(done.exit.code == 0);
    CHECK_THAT(done.out, Contains("requeued  0 records"));
  }
  SECTION("it was overwritten by text") {
    write_file(place.quarantine, "not what it was\n");
    const auto done = requeue(place);
    INFO(done.out << done.err);
    CHECK(done.exit.code != 0);
    CHECK(!done.err.empty());
    CHECK_THAT(read_file(place.quarantine), Contains("not what it was"));
  }
}

TEST_CASE("frames that are no entries of a quarantine are refused; another's come by force",
          "[Q5]") {
  Place place;
  REQUIRE(place.append_lines("one\n", {"--format", "frames"}).exit.code == 0);
  const auto target = place.folder.file("target");
  write_file(target, "");
  const auto refused = run(punchline({"requeue", place.buffer, target}));
  CHECK(refused.exit.code == 78);
  CHECK_THAT(refused.err, Contains("is none of a quarantine"));
  CHECK(read_file(target).empty());
  CHECK(inspect(place.buffer).waiting_records == 1);

  Place second;
  second.append("one\n" + kLarge + "\n");
  CHECK(second.once().exit.code == 65);
  auto with_target = second.setup;
  with_target.buffer = target;
  CHECK(run_once(with_target).exit.code == 0);  // now it has a UUID
  const auto foreign = requeue(second, {target});
  CHECK(foreign.exit.code == 78);
  CHECK_THAT(foreign.err, Contains("--force"));
  CHECK(once_with_limit_raised(second, target).exit.code == 0);
  const auto forced = requeue(second, {target, "--force"});
  INFO(forced.out << forced.err);
  CHECK(forced.exit.code == 0);
  CHECK(read_file(target).find(kLarge) != std::string::npos);
}

TEST_CASE(
    "entries of what the buffer was before it was copied stay, its own ones behind come back") {
  Place place;
  place.append("one\n" + kLarge + "1\n");
  CHECK(place.once().exit.code == 65);
  fs::copy_file(place.buffer, place.buffer + ".copy");
  fs::rename(place.buffer + ".copy", place.buffer);
  place.append(kLarge + "2\n" + std::string("to\0rn\n", 6));
  CHECK(place.once({"--fence"}).exit.code == 65);
  CHECK(inspect(place.quarantine).waiting_records == 3);
  CHECK(once_with_limit_raised(place, place.buffer).exit.code == 0);

  const auto back = requeue(place);
  INFO(back.out << back.err);
  CHECK(back.exit.code == 78);
  CHECK_THAT(back.out, Contains("requeued  1 record ") && Contains("1 not proved whole"));
  CHECK_THAT(back.err, Contains("1 entry is not of this buffer") && Contains("--force"));
  CHECK_FALSE(has_line(read_file(place.buffer), kLarge + "1"));
  CHECK(has_line(read_file(place.buffer), kLarge + "2"));
  CHECK(inspect(place.quarantine).waiting_records == 2);
  CHECK_THAT(requeue(place).out, Contains("requeued  0 records"));
  CHECK(requeue(place, {"--force"}).exit.code == 0);
  CHECK(has_line(read_file(place.buffer), kLarge + "1"));
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
