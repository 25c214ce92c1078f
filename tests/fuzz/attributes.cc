// Attributes of any bytes on a file of any bytes, as a disk or a foreign program may leave them:
// they are decoded, shown, and started from. Whatever they say, no byte of data is lost by it.

#include <algorithm>
#include <string>
#include <vector>

#include "agent/view/buffer_view.h"
#include "agent/view/verify.h"
#include "buffer/checkpoint.h"
#include "buffer/collapse.h"
#include "buffer/crc32c.h"
#include "buffer/little_endian.h"
#include "buffer/losses.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/walk.h"
#include "tests/support/memory_file.h"

namespace punchline::fuzz {
namespace {

constexpr std::uint64_t kBoot = 7;
constexpr std::uint64_t kInode = 11;
constexpr std::int64_t kBirth = 1'000'000'000;

constexpr std::string_view kNames[] = {kStateAttribute, kFencesAttribute, kSaltsAttribute,
                                       kIntentAttribute, kPartitionsAttribute, kFreedAttribute,
                                       kLostAttribute};

/// Their checksums are made right: chance does not find them, and behind them lies the most.
std::string with_checksum(std::string_view name, std::string bytes) {
  const std::size_t at = name == kStateAttribute ? 4 : 0;
  if (bytes.size() < at + 4) return bytes;
  const auto rest = std::string_view(bytes).substr(at + 4);
  put_number(bytes, at, crc32c(rest, crc32c(std::string_view(bytes).substr(0, at))));
  return bytes;
}

/// What is sound is written as it was read.
void check_decoders(std::string_view bytes) {
  State state;
  if (decode(bytes, state) == Decoded::ok) {
    State again;
    must(decode(encode(state), again) == Decoded::ok && again == state, "a state comes back");
    must(is_of_older_version(bytes) || encode(state) == bytes, "byte for byte, if it is of ours");
  }
  CollapseIntent intent;
  if (decode(bytes, intent) == Decoded::ok) must(encode(intent) == bytes, "an intent comes back");
  std::vector<Position> fences;
  if (decode_fences(bytes, fences) == Decoded::ok && fences.size() <= kFencesMax) {
    must(encode_fences(fences) == bytes, "fences come back");
  }
  std::vector<std::uint32_t> salts;
  if (decode_salts(bytes, salts) == Decoded::ok && salts.size() <= kSaltsMax) {
    must(encode_salts(salts) == bytes, "salts come back");
  }
  Spread spread;
  if (decode_spread(bytes, spread) == Decoded::ok) {
    must(encode_spread(spread) == bytes, "a count of partitions comes back");
  }
}

/// Whatever stands there, what is lost can be added to it.
void check_losses(std::string_view bytes) {
  testing::MemoryFile file;
  must(file.set_attribute(kLostAttribute, bytes).ok(), "the fake takes it");
  const auto before = noted_losses(file);
  must(before.ok() && note_losses(file, {}).ok(), "what is lost can be noted");
  const auto after = noted_losses(file);
  must(after.ok() && text_of(*after) == text_of(*before), "what was lost stays noted");
}

/// State and intent name the file, or else nothing more is asked of them.
std::string for_this_file(std::string_view name, std::string bytes) {
  const std::size_t at = name == kStateAttribute ? 56 : 4;
  if (name != kStateAttribute && name != kIntentAttribute) return bytes;
  if (bytes.size() >= at + 4) put_number(bytes, at, fold_identity(kInode, kBirth));
  return bytes;
}

void set_attribute(testing::MemoryFile& file, std::string_view name, Input& input) {
  const auto how = input.byte();
  if (how % 8 == 0) return;
  std::string bytes(input.text(input.byte()));
  if (how % 4 != 1) bytes = for_this_file(name, bytes);
  if (how % 4 != 2) bytes = with_checksum(name, bytes);
  check_decoders(bytes);
  check_losses(bytes);
  must(file.set_attribute(name, bytes).ok(), "the fake takes it");
}

void append_data(testing::MemoryFile& file, Input& input) {
  constexpr std::uint64_t kFileBytesMax = 128 * 1024;
  while (!input.empty() && file.size() < kFileBytesMax) {
    const auto how = input.byte();
    if (how % 2 == 0) file.truncate(file.size() + std::size_t{input.byte()} % 16 * 4096);
    file.producer_appends(input.text(input.byte()));
  }
}

std::string data_of(const testing::MemoryFile& file) {
  auto text = file.text();
  std::erase(text, '\0');
  return text;
}

void look(testing::MemoryFile& file, const StartFacts& facts) {
  const auto before = file.text();
  const auto view = view_buffer(file, facts);
  must(view.ok() || view.error().kind() == ErrorKind::refused, "a buffer can be looked at");
  if (view.ok()) (void)verify(*view, std::nullopt);
  must(file.text() == before, "who looks changes nothing");
}

void start(testing::MemoryFile& file, const StartFacts& facts, std::size_t memory_bytes) {
  const auto before = data_of(file);
  Checkpoint checkpoint(file, facts);
  const auto report = checkpoint.start();
  must(report.ok() || report.error().kind() == ErrorKind::refused, "a start comes to an end");
  const auto closed = report.ok() && report->tail_closed ? "\n" : "";
  must(data_of(file) == before + closed, "no byte of data is lost");
  if (!report.ok()) return;
  must(checkpoint.front() >= checkpoint.base(), "the front is in the file");
  must(checkpoint.front() - checkpoint.base() <= file.size(), "and not behind its end");
  checkpoint.space().rules().record_bytes_max = 600;
  Walk walk(checkpoint.space(), checkpoint.front(), memory_bytes);
  if (checkpoint.format() != Format::none) (void)walk.read();
  must(checkpoint.finish().ok(), "and ends in order");
}

}  // namespace
}  // namespace punchline::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace punchline::fuzz;
  Input input(data, size);
  punchline::testing::MemoryFile file;
  file.set_inode(kInode, kBirth);
  punchline::StartFacts facts;
  const auto flags = input.byte();
  facts.boot = kBoot + flags % 2;
  facts.boot_time_ns = (flags & 2U) != 0 ? 1 : 2 * kBirth;
  facts.force_fence = (flags & 4U) != 0;
  facts.truncated = (flags & 8U) != 0;
  file.set_writers((flags & 16U) != 0);
  file.set_knows_holes((flags & 32U) == 0);
  facts.fresh_uuid.fill(3);
  const std::size_t memory_bytes = 64 + std::size_t{input.byte()} * 8;
  for (const auto name : kNames)
    set_attribute(file, name, input);
  append_data(file, input);
  look(file, facts);
  start(file, facts, memory_bytes);
  return 0;
}
