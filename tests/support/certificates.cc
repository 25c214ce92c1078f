#include "tests/support/certificates.h"

#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {
namespace {

void openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "openssl");
  const auto result = run({.argv = std::move(arguments)});
  if (result.exit.code != 0) throw std::runtime_error("openssl: " + result.err);
}

void make_key(const std::string& path) {
  openssl({"genpkey", "-quiet", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1",
           "-out", path});
}

}  // namespace

Authority::Authority(std::filesystem::path folder, std::string name)
    : folder_(std::move(folder)), name_(std::move(name)), ca_(files(name_)) {
  make_key(ca_.key);
  openssl({"req", "-x509", "-new", "-key", ca_.key, "-subj", "/CN=" + name_, "-days", "2", "-out",
           ca_.certificate});
}

Certificate Authority::files(const std::string& name) const {
  return {folder_ / (name + ".pem"), folder_ / (name + ".key")};
}

Certificate Authority::issue(const std::string& name, Validity validity) const {
  auto made = files(name);
  const auto request = folder_ / (name + ".csr");
  const auto extensions = folder_ / (name + ".ext");
  write_file(extensions, "subjectAltName=IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n");
  make_key(made.key);
  openssl({"req", "-new", "-key", made.key, "-subj", "/CN=" + name, "-out", request});
  openssl({"x509", "-req", "-in", request, "-CA", ca_.certificate, "-CAkey", ca_.key,
           "-CAcreateserial", "-extfile", extensions, "-days",
           validity == Validity::good ? "2" : "-1", "-out", made.certificate});
  return made;
}

}  // namespace punchline::testing
