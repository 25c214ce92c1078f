#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "buffer/append_file.h"
#include "tests/support/memory_file.h"

namespace punchline::testing {

/// An AppendFile on a MemoryFile, which must outlive it. Appends are short if the file has no room,
/// or if the test cuts them. Its lock file is there, and nobody else holds it.
class MemoryAppendFile final : public AppendFile {
 public:
  explicit MemoryAppendFile(MemoryFile& file) : file_(file) {}

  /// The next append is cut after this many bytes.
  void cut_next(std::uint64_t bytes) { cut_ = bytes; }
  /// Called after each append, to do what other writers do then.
  void after_append(std::function<void()> act) { after_ = std::move(act); }

  BufferFile& file() override { return file_; }
  Result<OffsetRange> append(std::string_view bytes) override {
    const auto room = file_.room_for(bytes.size());
    const auto written = std::min(room, std::exchange(cut_, std::nullopt).value_or(room));
    if (written == 0) return Error(ErrorKind::no_space, 0, "append to " + file_.path());
    const Offset at(file_.size());
    file_.producer_appends(bytes.substr(0, written));
    if (after_) after_();
    return OffsetRange{at, at + written};
  }
  Status overwrite(Offset at, std::string_view bytes) override {
    file_.producer_writes(at.value(), bytes);
    return {};
  }
  Status sync() override {
    file_.producer_syncs();
    return {};
  }
  Result<bool> has_its_name() override { return true; }
  Result<std::unique_ptr<Hold>> hold_offsets(std::chrono::milliseconds) override {
    return std::unique_ptr<Hold>(std::make_unique<Held>());
  }

 private:
  struct Held final : Hold {
    const std::string& lock_file() const override { return name; }
    std::string name = "memory";
  };

  MemoryFile& file_;
  std::optional<std::uint64_t> cut_;
  std::function<void()> after_;
};

}  // namespace punchline::testing
