#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace punchline::testing {

/// A certificate with its private key, as PEM files.
struct Certificate {
  std::string certificate;
  std::string key;
};

/// A certificate authority of a test's own, made with openssl in a folder of the test's.
/// Its methods throw std::runtime_error with openssl's words.
class Authority {
 public:
  enum class Validity : std::uint8_t { good, expired };

  Authority(std::filesystem::path folder, std::string name);

  /// The file that everybody needs who is to trust this authority.
  const std::string& file() const { return ca_.certificate; }
  /// Signs a certificate for CN=`name` and the address 127.0.0.1. Issued again for the same name, a
  /// new certificate replaces the old one in the same files.
  Certificate issue(const std::string& name, Validity validity = Validity::good) const;

 private:
  Certificate files(const std::string& name) const;

  std::filesystem::path folder_;
  std::string name_;
  Certificate ca_;
};

}  // namespace punchline::testing
