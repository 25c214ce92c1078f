#include "buffer/base/result.h"

#include <cerrno>
#include <system_error>

namespace punchline {
namespace {

ErrorKind kind_of(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return ErrorKind::no_space;
    case EOPNOTSUPP:
    case ENOSYS:
    case ENOTTY:
      return ErrorKind::unsupported;
    case EAGAIN:
    case EBUSY:
      return ErrorKind::busy;
    case ENOENT:
    case ENODATA:
    case ENOTDIR:
      return ErrorKind::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return ErrorKind::denied;
    default:
      return ErrorKind::io;
  }
}

}  // namespace

Error Error::from_errno(int code, std::string context) {
  return Error(kind_of(code), code, std::move(context));
}

std::string Error::message() const {
  if (code_ == 0) return context_;
  return context_ + ": " + std::generic_category().message(code_);
}

}  // namespace punchline
