#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace punchline {

/// What a failed operation means to its caller. Each kind is here because some caller treats it
/// differently from the others.
enum class ErrorKind : std::uint8_t {
  io,           ///< The device or the kernel failed; the operation did not happen.
  no_space,     ///< ENOSPC, EDQUOT: go on and try again later.
  unsupported,  ///< The filesystem cannot do this at all: stop asking.
  busy,         ///< Somebody else holds it.
  not_found,    ///< No such file, no such attribute.
  denied,       ///< No right to do it.
  refused,      ///< We could, but will not: the thing is not fit for use (reason in the text).
};

/// A failure as a value: kind, errno (0 if none) and a sentence that names the thing.
class Error {
 public:
  Error(ErrorKind kind, int code, std::string context)
      : kind_(kind), code_(code), context_(std::move(context)) {}

  /// Maps errno to a kind. `context` names the operation and its object, as in
  /// "punch /var/spool/app.buf".
  static Error from_errno(int code, std::string context);

  ErrorKind kind() const { return kind_; }
  int code() const { return code_; }
  const std::string& context() const { return context_; }
  /// "punch /var/spool/app.buf: No space left on device"
  std::string message() const;

 private:
  ErrorKind kind_;
  int code_;
  std::string context_;
};

/// A value, or the reason why there is none. Never thrown, never ignored.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : held_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : held_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  /// Only if ok().
  T& value() { return std::get<0>(held_); }
  const T& value() const { return std::get<0>(held_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  /// Only if not ok().
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : held_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<std::monostate, Error> held_;
};

using Status = Result<void>;

}  // namespace punchline
