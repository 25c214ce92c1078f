#include "buffer/reserve_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "buffer/quarantine.h"

namespace punchline {

bool ReserveFile::is_needed_on(std::string_view filesystem) {
  return filesystem == "btrfs" || filesystem == "xfs" || filesystem == "overlay";
}

std::string ReserveFile::path_for(const std::string& buffer_path) {
  return quarantined_buffer_path(buffer_path).value_or(buffer_path) + ".reserve";
}

Result<std::unique_ptr<PosixFile>> ReserveFile::open_ours() const {
  auto file = PosixFile::open(path_);
  if (!file) return file;
  const auto facts = (*file)->descriptor().facts();
  if (!facts) return facts.error();
  const auto data = (*file)->next_data(0);
  if (!data) return data.error();
  const bool is_ours = facts->stx_size <= kBytes && facts->stx_nlink == 1 && !data->has_value();
  if (is_ours) return file;
  return Error(ErrorKind::refused, 0, path_ + " holds something, and so is not ours");
}

Status ReserveFile::take() {
  if (const auto made = PosixFile::create_if_missing(path_, creation_); !made) return made.error();
  const auto file = open_ours();
  if (!file) return file.error();
  const auto writing = (*file)->descriptor().reopen(O_RDWR);
  if (!writing) return writing.error();
  const auto facts = (*file)->facts();
  if (!facts) return facts.error();
  Status allocated;
  for (auto bytes = kBytes; bytes >= kBytesMin; bytes /= 2) {
    if (facts->allocated_bytes >= bytes) return {};
    allocated = writing->allocate(bytes);
    if (allocated) return {};
  }
  (void)give_up();
  return allocated;
}

bool ReserveFile::give_up() {
  return open_ours() && ::unlink(path_.c_str()) == 0;
}

}  // namespace punchline
