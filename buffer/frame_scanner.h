#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "buffer/frame.h"
#include "buffer/scanner.h"

namespace punchline {

/// The scanner for format frames (buffer/FORMAT.md, "Reading frames", rules N1 to N5).
///
/// After bytes that are no frame it searches for the next frame. It reads each byte of the damage
/// once, and of each candidate only the head and the last four bytes. So the work is linear in the
/// damage, whatever lengths damaged heads claim.
class FrameScanner final : public Scanner {
 public:
  explicit FrameScanner(Space& space) : space_(space) {}

  void forget() override;
  std::size_t memory_bytes() const override {
    return std::size_t{space_.rules().record_bytes_max} + kFrameOverheadBytes;
  }
  Result<ScanStep> step(Position from, Position until, std::span<char> memory,
                        std::size_t items_max, std::vector<Item>& items) override;

 private:
  /// Bytes that are no frame, and how far the search for the next frame has come.
  struct Damage {
    Position begin = 0;
    Position searched_to = 0;
    bool proved = false;  ///< false: it can be the beginning of a frame that is being written.
    SetAsideReason reason = SetAsideReason::damaged;
  };
  /// The bytes in memory, which begin at `from`.
  struct Loaded {
    Position from = 0;
    std::string_view bytes;
    bool to_end = false;  ///< They end where the file ends.
  };
  /// A head, or the place where one may begin.
  struct HeadAt {
    std::size_t at = 0;
    bool found = false;
  };
  /// Where decoding stopped, and why.
  struct Stop {
    std::size_t done = 0;  ///< Bytes covered by items.
    FrameFound found = FrameFound::frame;
    FrameHead head;
  };

  Result<Loaded> load(Position from, std::span<char> memory);
  Stop decode(const Loaded& loaded, Position until, std::size_t items_max,
              std::vector<Item>& items);
  Result<bool> nothing_holds(const Loaded& loaded, std::span<const Item> items);
  void take_frame(const Loaded& loaded, std::size_t at, const FrameHead& head,
                  std::vector<Item>& items);

  enum class Behind : std::uint8_t { text, more_nuls, end_of_file };
  Result<ScanStep> pass_nuls(const Loaded& loaded, std::span<char> memory,
                             std::vector<Item>& items);
  Result<Behind> look_behind(ByteRange& nuls, std::span<char> memory);
  Result<ScanStep> pass_large(const Loaded& loaded, const FrameHead& head, std::span<char> memory,
                              std::vector<Item>& items);
  Result<ScanStep> pass_incomplete(const Loaded& loaded, const FrameHead* head,
                                   std::span<char> memory, std::vector<Item>& items);
  Result<ScanStep> begin_damage(Position at, bool proved, bool torn, std::span<char> memory,
                                std::vector<Item>& items);

  Result<ScanStep> search(std::span<char> memory, std::vector<Item>& items);
  Result<std::optional<Position>> end_in(const Loaded& loaded, Position& searched_to);
  Result<HeadAt> head_in(const Loaded& loaded, std::size_t limit);
  Result<bool> is_candidate(const Loaded& loaded, std::size_t at, const FrameHead& head);
  ScanStep set_aside_to(Position end, std::vector<Item>& items);

  bool dead_below_fence(Position at) const { return at < space_.rules().careful_until(); }
  Result<bool> knows(std::uint32_t salt);
  void learn(std::uint32_t salt);

  Space& space_;
  std::optional<Damage> damage_;
  ByteRange nuls_;  // a run that is longer than one step looks
  std::vector<std::uint32_t> salts_;  // the file's, and those of frames met where one had to begin
};

}  // namespace punchline
