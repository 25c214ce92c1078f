#include "tests/contract/subject.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "buffer/posix_file.h"
#include "tests/support/memory_file.h"

namespace punchline::testing {
namespace {

class MemorySubject final : public Subject {
 public:
  BufferFile& file() override { return file_; }
  void become_writer() override {}
  void producer_appends(std::string_view text) override { file_.producer_appends(text); }
  void producer_writes(std::uint64_t offset, std::string_view text) override {
    file_.producer_writes(offset, text);
  }
  void producer_opens() override { file_.set_writers(true); }
  void producer_closes() override { file_.set_writers(false); }

 private:
  MemoryFile file_;
};

template <class T>
T need(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().message());
  return std::move(*result);
}

class PosixSubject final : public Subject {
 public:
  explicit PosixSubject(std::string path) : path_(std::move(path)) {
    file_ = need(PosixFile::open(path_));
  }
  ~PosixSubject() override { ::unlink(path_.c_str()); }
  BufferFile& file() override { return *file_; }
  void become_writer() override {
    if (auto opened = file_->open_for_writing(); !opened) {
      throw std::runtime_error(opened.error().message());
    }
  }
  void producer_appends(std::string_view text) override {
    auto producer = need(Descriptor::open(path_, O_WRONLY | O_APPEND));
    if (need(producer.write_once(text)) != text.size()) throw std::runtime_error("short write");
  }
  void producer_writes(std::uint64_t offset, std::string_view text) override {
    auto producer = need(Descriptor::open(path_, O_WRONLY));
    if (auto written = producer.write_at(Offset(offset), text); !written) {
      throw std::runtime_error(written.error().message());
    }
  }
  void producer_opens() override { producer_ = need(Descriptor::open(path_, O_WRONLY | O_APPEND)); }
  void producer_closes() override { Descriptor closed = std::exchange(producer_, Descriptor()); }

 private:
  std::string path_;
  std::unique_ptr<PosixFile> file_;
  Descriptor producer_;
};

}  // namespace

Place memory_place() {
  return {"memory", [] { return std::make_unique<MemorySubject>(); }};
}

Place folder_place(const std::string& name, const std::string& folder) {
  return {name, [folder]() -> std::unique_ptr<Subject> {
            auto path = folder + "/contract-XXXXXX";
            const int fd = ::mkstemp(path.data());
            if (fd < 0) throw std::runtime_error("cannot make a file in " + folder);
            ::close(fd);
            return std::make_unique<PosixSubject>(path);
          }};
}

}  // namespace punchline::testing
