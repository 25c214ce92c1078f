#include "agent/config/secret_file.h"

#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>

#include "buffer/descriptor.h"

namespace punchline {
namespace {

constexpr const char* kAllowed =
    "; allowed: a readable regular file of 1 byte to 64 KiB without NUL bytes";

Error unfit(const std::string& path, const std::string& why) {
  return {ErrorKind::refused, 0, "file " + path + ": " + why + kAllowed};
}

Error failed(const std::string& path, const Error& error) {
  return unfit(path, std::generic_category().message(error.code()));
}

}  // namespace

Result<std::string> read_secret(const std::string& path) {
  const auto file = Descriptor::open(path, O_RDONLY | O_NONBLOCK);
  if (!file) return failed(path, file.error());
  const auto facts = file->facts();
  if (!facts) return failed(path, facts.error());
  if (!S_ISREG(facts->stx_mode)) return unfit(path, "is not a regular file");
  std::string text(kSecretBytesMax + 1, '\0');  // one byte more than is allowed
  const auto size = file->read_at(0, text);
  if (!size) return failed(path, size.error());
  text.resize(*size);
  if (text.size() > kSecretBytesMax) return unfit(path, "is larger than 64 KiB");
  if (text.ends_with('\n')) text.pop_back();
  if (text.empty()) return unfit(path, "is empty");
  if (text.find('\0') != std::string::npos) return unfit(path, "holds a NUL byte");
  return text;
}

}  // namespace punchline
