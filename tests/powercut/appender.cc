#include "tests/powercut/appender.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include <fcntl.h>
#include <unistd.h>

#include "buffer/posix_append_file.h"

namespace punchline::testing {

Appender::Appender(const std::string& buffer, Format format, bool as_any_program) {
  fd_ = ::open(buffer.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) throw std::runtime_error("open " + buffer + ": " + std::strerror(errno));
  if (as_any_program && format == Format::lines) return;
  auto opened = open_append_writer(buffer, format);
  if (!opened) throw std::runtime_error(opened.error().message());
  writer_ = std::move(*opened);
}

Appender::~Appender() {
  ::close(fd_);
}

void Appender::append(const std::vector<std::string>& records) {
  std::string text;
  for (const auto& record : records) {
    text += record + "\n";
    if (!writer_) continue;
    const auto taken = writer_->format() == Format::frames
                           ? writer_->add(FrameRecord{.payload = record, .key = {}, .headers = {}})
                           : writer_->add(record);
    if (!taken) throw std::runtime_error(taken.error().message());
  }
  if (writer_) {
    if (const auto put = writer_->flush(); !put) throw std::runtime_error(put.error().message());
    return;
  }
  const auto put = ::write(fd_, text.data(), text.size());
  if (put != static_cast<ssize_t>(text.size())) throw std::runtime_error("append: short write");
}

}  // namespace punchline::testing
