#include "agent/core/envelope.h"

#include "buffer/crc32c.h"

namespace punchline {

Envelope::Envelope(const BufferConfig& config, const KeySource* keys, const std::string& buffer,
                   const std::string& host)
    : keys_(keys) {
  for (const auto& [name, value] : config.headers)
    common_.add(name, value);
  if (!config.provenance) return;
  common_.add("punchline.buffer", buffer);
  common_.add("punchline.host", host);
  common_.add_provenance();
}

void Envelope::put_on(Chunk& chunk) {
  if (!common_.headers.empty()) chunk.common = &common_;
  retimed_.put_on(chunk);
  if (keys_ == nullptr && !common_.provenance) return;
  chunk.extras.resize(chunk.records.size());
  for (std::size_t i = 0; i < chunk.records.size(); ++i) {
    const auto& record = chunk.records[i];
    auto& extra = chunk.extras[i];
    if (keys_ != nullptr && !extra.key) find_key(chunk, record, extra);
    if (common_.provenance) extra.crc32c = crc32c({record.data(), record.payload_bytes});
  }
}

void Envelope::find_key(Chunk& chunk, const Record& record, RecordExtra& extra) {
  extra.key = keys_->key_of({record.data(), record.payload_bytes}, scratch_);
  if (extra.key && extra.key->data() == scratch_.data()) {
    extra.key = chunk.texts.emplace_back(*extra.key);
  }
}

}  // namespace punchline
