#include "tests/support/account.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace punchline::testing {
namespace {

constexpr std::size_t kExamplesMax = 10;
constexpr std::size_t kExampleBytes = 120;

class Audit {
 public:
  Audit(const LogCorpus& corpus, std::span<const std::vector<std::uint64_t>> offsets)
      : corpus_(corpus), offsets_(offsets) {
    for (const auto& lines : offsets) {
      account_.appended += lines.size();
      seen_.emplace_back(lines.size(), false);
    }
  }

  void read_partition(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("open " + path.string());
    std::uint64_t furthest = 0;  // offset + 1 of the furthest first arrival of this partition
    std::string line;
    while (std::getline(in, line))
      take(line, furthest);
  }

  Account close() {
    for (std::uint32_t producer = 0; producer < seen_.size(); ++producer) {
      for (std::uint64_t number = 0; number < seen_[producer].size(); ++number) {
        if (seen_[producer][number]) continue;
        ++account_.lost;
        note("lost", corpus_.line({producer, number}));
      }
    }
    return std::move(account_);
  }

 private:
  void take(const std::string& line, std::uint64_t& furthest) {
    ++account_.arrivals;
    const auto id = LogCorpus::parse(line);
    if (!id || !appended(*id) || !corpus_.holds(*id, line)) {
      ++account_.invented;
      return note("invented", line);
    }
    auto seen = seen_[id->producer][id->number];
    if (seen) {
      ++account_.duplicates;
      return;
    }
    seen = true;
    const auto offset = offsets_[id->producer][id->number];
    if (offset < furthest) {
      ++account_.disordered;
      note("out of order", line);
    }
    furthest = std::max(furthest, offset + 1);
  }

  bool appended(LineId id) const {
    return id.producer < seen_.size() && id.number < seen_[id.producer].size();
  }

  void note(const char* what, const std::string& line) {
    if (account_.examples.size() >= kExamplesMax) return;
    account_.examples.push_back(std::string(what) + ": " + line.substr(0, kExampleBytes));
  }

  const LogCorpus& corpus_;
  std::span<const std::vector<std::uint64_t>> offsets_;
  std::vector<std::vector<bool>> seen_;
  Account account_;
};

}  // namespace

double Account::duplicate_share() const {
  return appended == 0 ? 0 : static_cast<double>(duplicates) / static_cast<double>(appended);
}

std::string Account::text() const {
  std::ostringstream out;
  out << appended << " appended, " << arrivals << " arrived, " << lost << " lost, " << duplicates
      << " duplicates (" << 100 * duplicate_share() << " %), " << invented << " invented, "
      << disordered << " out of order";
  for (const auto& example : examples)
    out << "\n  " << example;
  return std::move(out).str();
}

Account settle(const LogCorpus& corpus, std::span<const std::vector<std::uint64_t>> offsets,
               std::span<const std::filesystem::path> partitions) {
  Audit audit(corpus, offsets);
  for (const auto& partition : partitions)
    audit.read_partition(partition);
  return audit.close();
}

}  // namespace punchline::testing
