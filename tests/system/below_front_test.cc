// Producers that do not append: what they write where all is done, and room that they make ahead.

#include <filesystem>
#include <fstream>

#include "tests/support/eventually.h"
#include "tests/system/place.h"

namespace punchline::testing {
namespace {

using Catch::Matchers::Contains;

/// As `dd conv=notrunc`.
void write_at(const std::string& path, std::uint64_t offset, const std::string& text) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(offset));
  file << text;
}

std::string run_of(const std::string& name, int lines) {
  std::string text;
  for (int i = 0; i < lines; ++i)
    text += name + " " + std::to_string(10'000 + i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("lines written from offset 0 are told of, kept, and freed") {
  Place place;
  place.append(run_of("first", 2000));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  write_at(place.buffer, 0, run_of("second", 1000));
  REQUIRE(agent.logs("StandardOutput=append:"));
  CHECK(eventually(std::chrono::seconds(20), [&] {
    return agent.metric("punchline_set_aside_records", "written_below_front") == 1000;
  }));
  CHECK(eventually(std::chrono::seconds(20), [&] {
    return read_file(place.buffer).find("second") == std::string::npos;
  }));
  CHECK(agent.stop().code == 0);
}

TEST_CASE("frames written from offset 0 are delivered, whether or not an agent runs") {
  Place place;
  REQUIRE(place.append_lines(run_of("frame", 1000), {"--format", "frames"}).exit.code == 0);
  const auto all = read_file(place.buffer);
  const auto frames = all.substr(0, all.size() / 2);
  REQUIRE(place.once().exit.code == 0);
  write_at(place.buffer, 0, frames);
  CHECK(run(punchline({"verify", place.buffer})).exit.code == 1);
  CHECK(place.once().exit.code == 0);
  CHECK(place.delivered() == run_of("frame", 1000) + run_of("frame", 500));
  Agent agent(place.setup);
  REQUIRE(agent.drains());
  write_at(place.buffer, 0, frames);
  REQUIRE(agent.logs("delivered, written_below_front"));
  CHECK(eventually(std::chrono::seconds(20), [&] {
    return agent.metric("punchline_records_confirmed_total") == 500;
  }));
  CHECK(agent.stop().code == 0);
  const auto sound = run(punchline({"verify", place.buffer}));
  INFO(sound.out);
  CHECK(sound.exit.code == 0);
  CHECK_FALSE(std::filesystem::exists(place.quarantine));
}

TEST_CASE("what was written while no agent ran makes verify fail, until a run has kept it") {
  const int lines = GENERATE(20, 2000);
  Place place;
  place.append(run_of("first", lines));
  REQUIRE(place.once().exit.code == 0);
  CHECK(run(punchline({"verify", place.buffer})).exit.code == 0);
  write_at(place.buffer, 0, run_of("secon", lines / 2));
  const auto seen = run(punchline({"verify", place.buffer}));
  INFO(seen.out);
  CHECK(seen.exit.code == 1);
  CHECK_THAT(seen.out, Contains("written below the front"));
  CHECK(place.once().exit.code == 65);
  CHECK_THAT(read_file(place.quarantine), Contains("secon 10000"));
}

}  // namespace punchline::testing
