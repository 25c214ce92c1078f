#include "agent/host/quarantine_file.h"

#include "buffer/boot.h"
#include "buffer/posix_append_file.h"

namespace punchline {

Status QuarantineFile::open() {
  const auto created = PosixFile::create_if_missing(path_, creation_);
  if (!created) return created.error();
  auto writer = open_append_writer(path_, Format::frames);
  if (!writer) return writer.error();
  // The limit is for `inspect` alone, so noting it may fail. Somebody else may have created the
  // file.
  const auto noted = (*writer)->file().attribute(kLimitsAttribute);
  if (noted && !noted->has_value()) {
    (void)(*writer)->file().set_attribute(kLimitsAttribute,
                                          text_of({.record_bytes_max = kQuarantineRecordBytesMax}));
  }
  (*writer)->set_patience({});  // a whole agent would wait; it tries again
  writer_ = std::move(*writer);
  return {};
}

// An operator may have removed the quarantine, or moved it away. Then it takes nothing more.
bool QuarantineFile::has_lost_its_name() {
  const auto same = writer_->has_its_name();
  return same && !*same;
}

Error QuarantineFile::removed() const {
  return {ErrorKind::io, 0,
          path_ + ": was removed or renamed while copies were made; they are made again"};
}

// If the quarantine has been removed since the last sync, the copies made in it since then are
// gone. The error has them made again.
Status QuarantineFile::add(const QuarantineLabel& label, std::string_view content) {
  if (writer_ && has_lost_its_name()) {
    writer_.reset();
    if (unsynced_) return removed();
  }
  if (!writer_) {
    if (const auto opened = open(); !opened) return opened;
  }
  const auto headers = headers_of(label);
  FrameRecord record;
  record.payload = content;
  record.timestamp_ms = record_time_ms();
  for (const auto& [name, value] : headers)
    record.headers.push_back({name, value});
  auto written = writer_->add(record);
  if (written) written = writer_->flush();
  if (written) {
    unsynced_ = true;
  } else {
    writer_->discard();
  }
  return written;
}

Status QuarantineFile::sync() {
  unsynced_ = false;
  if (!writer_) return removed();
  const auto synced = writer_->sync();
  if (synced && has_lost_its_name()) {
    writer_.reset();
    return removed();
  }
  // The kernel may have thrown away the pages that it could not write (fsync(2)). The copies are
  // made again after them, which writes the page anew that holds the end of the good ones. Torn
  // bytes in between are damage.
  if (!synced) writer_.reset();
  return synced;
}

}  // namespace punchline
