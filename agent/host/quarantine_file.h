#pragma once

#include <memory>
#include <string>

#include "agent/core/quarantine.h"
#include "buffer/append_writer.h"
#include "buffer/posix_file.h"

namespace punchline {

/// The quarantine beside a buffer. Created when it is first needed, with the buffer's own rights.
class QuarantineFile final : public SetAsideStore {
 public:
  QuarantineFile(const std::string& buffer_path, PosixFile::Creation creation)
      : path_(quarantine_path(buffer_path)), creation_(std::move(creation)) {}

  Status add(const QuarantineLabel& label, std::string_view content) override;
  Status sync() override;

 private:
  Status open();
  bool has_lost_its_name();
  Error removed() const;

  std::string path_;
  PosixFile::Creation creation_;
  std::unique_ptr<AppendWriter> writer_;  // nullptr: to be opened
  bool unsynced_ = false;                 // copies since the last sync()
};

}  // namespace punchline
