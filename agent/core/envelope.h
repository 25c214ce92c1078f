#pragma once

#include <string>

#include "agent/core/config.h"
#include "agent/core/key_source.h"
#include "agent/core/retimed.h"
#include "sinks/chunk.h"

namespace punchline {

/// Adds to the records of one buffer what the configuration wants sent with each payload: a key if
/// the record has none, headers, and where the record comes from. Must outlive the chunks it was
/// put on. One thread.
class Envelope {
 public:
  /// `keys` may be nullptr. `buffer` is the UUID as text.
  Envelope(const BufferConfig& config, const KeySource* keys, const std::string& buffer,
           const std::string& host);

  /// Gives the records in the chunk what they are to carry.
  void put_on(Chunk& chunk);
  /// Sets where keys come from. No record with a key of the old source may be in flight.
  void set_keys(const KeySource* keys) { keys_ = keys; }
  /// The records that are to go with the time of now.
  Retimed& retimed() { return retimed_; }
  /// Records of format lines may have keys.
  bool has_keys() const { return keys_ != nullptr; }

 private:
  void find_key(Chunk& chunk, const Record& record, RecordExtra& extra);

  const KeySource* keys_;
  CommonHeaders common_;
  Retimed retimed_;
  std::string scratch_;
};

}  // namespace punchline
