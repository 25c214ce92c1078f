#include "tests/support/account.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

namespace punchline::testing {
namespace {

constexpr std::size_t kExamplesMax = 10;
constexpr std::size_t kExampleBytes = 120;

using Fate = Written::Fate;

/// Where a line has to come in its partition: behind all that come before it in the same row.
struct Place {
  std::size_t row = 0;
  std::uint64_t rank = 0;
};
using PlaceOf = std::function<Place(LineId)>;

class Audit {
 public:
  Audit(const LogCorpus& corpus, std::vector<Written> written, PlaceOf place_of)
      : corpus_(corpus), written_(std::move(written)), place_of_(std::move(place_of)) {
    for (const auto& producer : written_) {
      account_.appended += static_cast<std::uint64_t>(
          std::count(producer.fates.begin(), producer.fates.end(), Fate::whole));
      seen_.emplace_back(producer.fates.size(), false);
      torn_.insert(torn_.end(), producer.torn.begin(), producer.torn.end());
    }
    home_.resize(written_.size());
  }

  void read_partition(std::size_t number, const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("open " + path.string());
    partition_ = number;
    furthest_.assign(std::max<std::size_t>(1, written_.size()), 0);
    std::string line;
    while (std::getline(in, line))
      take(line);
  }

  Account close() {
    for (std::uint32_t producer = 0; producer < seen_.size(); ++producer) {
      for (std::uint64_t number = 0; number < seen_[producer].size(); ++number) {
        if (seen_[producer][number] || written_[producer].fates[number] != Fate::whole) continue;
        ++account_.lost;
        note("lost", corpus_.line({producer, number}));
      }
    }
    account_.torn = torn_seen_.size();
    return std::move(account_);
  }

 private:
  void take(const std::string& line) {
    ++account_.arrivals;
    if (const auto id = whole_line(line)) return arrive(*id, line);
    if (is_torn(line)) return static_cast<void>(torn_seen_.insert(line));
    // Torn text and its successor in one.
    for (auto at = line.find('P', 1); at != std::string::npos; at = line.find('P', at + 1)) {
      const auto id = whole_line(std::string_view(line).substr(at));
      if (!id || !is_torn(std::string_view(line).substr(0, at))) continue;
      torn_seen_.insert(line);
      return arrive(*id, line);
    }
    ++account_.invented;
    note("invented", line);
  }

  std::optional<LineId> whole_line(std::string_view line) const {
    const auto id = LogCorpus::parse(line);
    const bool ours = id && id->producer < seen_.size() &&
                      id->number < seen_[id->producer].size() &&
                      written_[id->producer].fates[id->number] != Fate::absent;
    return ours && corpus_.holds(*id, line) ? id : std::nullopt;
  }

  /// Nothing but texts that kills have left, one behind the other.
  bool is_torn(std::string_view text) const {
    return std::any_of(torn_.begin(), torn_.end(), [&](const std::string& torn) {
      return text.starts_with(torn) &&
             (text.size() == torn.size() || is_torn(text.substr(torn.size())));
    });
  }

  void arrive(LineId id, const std::string& line) {
    auto& home = home_[id.producer];
    if (written_[id.producer].has_key && home.value_or(partition_) != partition_) {
      ++account_.strayed;
      note("in another partition", line);
    }
    home = partition_;
    auto seen = seen_[id.producer][id.number];
    if (seen) {
      ++account_.duplicates;
      return;
    }
    seen = true;
    if (!written_[id.producer].in_order) return;
    const auto place = place_of_(id);
    if (place.rank < furthest_[place.row]) {
      ++account_.disordered;
      note("out of order", line);
    }
    furthest_[place.row] = std::max(furthest_[place.row], place.rank + 1);
  }

  void note(const char* what, const std::string& line) {
    if (account_.examples.size() >= kExamplesMax) return;
    account_.examples.push_back(std::string(what) + ": " + line.substr(0, kExampleBytes));
  }

  const LogCorpus& corpus_;
  const std::vector<Written> written_;
  const PlaceOf place_of_;
  std::vector<std::string> torn_;
  std::vector<std::vector<bool>> seen_;
  std::vector<std::optional<std::size_t>> home_;  // the partition of a producer's first arrival
  std::set<std::string> torn_seen_;
  std::size_t partition_ = 0;
  std::vector<std::uint64_t> furthest_;  // rank + 1 of the furthest first arrival, by row
  Account account_;
};

Account read_all(Audit audit, std::span<const std::filesystem::path> partitions) {
  for (std::size_t number = 0; number < partitions.size(); ++number)
    audit.read_partition(number, partitions[number]);
  return audit.close();
}

}  // namespace

double Account::duplicate_share() const {
  return appended == 0 ? 0 : static_cast<double>(duplicates) / static_cast<double>(appended);
}

std::string Account::text() const {
  std::ostringstream out;
  out << appended << " appended, " << arrivals << " arrived, " << lost << " lost, " << duplicates
      << " duplicates (" << 100 * duplicate_share() << " %), " << invented << " invented, "
      << disordered << " out of order";
  if (torn > 0) out << ", " << torn << " torn texts";
  if (strayed > 0) out << ", " << strayed << " in another partition than their key's";
  for (const auto& example : examples)
    out << "\n  " << example;
  return std::move(out).str();
}

Account settle(const LogCorpus& corpus, std::span<const std::vector<std::uint64_t>> offsets,
               std::span<const std::filesystem::path> partitions) {
  std::vector<Written> written;
  for (const auto& lines : offsets)
    written.push_back({.fates = std::vector<Fate>(lines.size(), Fate::whole)});
  const auto place_of = [offsets](LineId id) { return Place{0, offsets[id.producer][id.number]}; };
  return read_all({corpus, std::move(written), place_of}, partitions);
}

Account settle(const LogCorpus& corpus, std::span<const Written> written,
               std::span<const std::filesystem::path> partitions) {
  const auto place_of = [](LineId id) { return Place{id.producer, id.number}; };
  return read_all({corpus, {written.begin(), written.end()}, place_of}, partitions);
}

}  // namespace punchline::testing
