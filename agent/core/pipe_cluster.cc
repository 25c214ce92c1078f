// The part of Pipe that remembers where its records go.

#include "agent/core/pipe.h"
#include "buffer/cluster_note.h"

namespace punchline {

std::string Pipe::note_cluster(const std::string& id, TimePoint now) {
  auto before = noted_cluster(parts_.file);
  cluster_ = id;
  if (const auto noted = punchline::note_cluster(parts_.file, id); !noted) {
    if (noted.error().kind() != ErrorKind::unsupported) gauges_.say(noted.error(), now);
  }
  return before;
}

}  // namespace punchline
