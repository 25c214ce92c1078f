#include "buffer/cluster_note.h"

#include "buffer/state.h"

namespace punchline {

std::string noted_cluster(BufferFile& file) {
  auto text = file.attribute(kClusterAttribute);
  if (!text || !text->has_value()) return {};
  return std::move(**text).substr(0, kClusterIdMax);
}

Status note_cluster(BufferFile& file, const std::string& id) {
  const auto text = id.substr(0, kClusterIdMax);
  if (noted_cluster(file) == text) return {};
  return file.set_attribute(kClusterAttribute, text);
}

}  // namespace punchline
