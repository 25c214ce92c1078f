// Which names a rotated buffer has: FORMAT.md, "Rotated by hand", L2 and L3.

#include "agent/host/rotated_names.h"

#include <string>

#include "tests/support/catch.h"

using namespace punchline;

TEST_CASE("a name that a rotation gives is sure, given by logrotate, likely, or none", "[L2][L3]") {
  enum class Is { none, likely, given, sure };
  const auto [name, is] = GENERATE(table<std::string, Is>({
      {"app.buf.1", Is::sure},
      {"app.buf.27", Is::sure},
      {"app.buf-20261130", Is::sure},
      {"app.buf.20261130", Is::sure},
      {"app.buf_2026-11-30", Is::sure},
      {"app.buf-2026-11-30T14:26:15", Is::sure},
      {"app.buf-20261130-1764512775", Is::sure},
      {"app.buf-2", Is::given},  // perhaps the buffer of a second instance
      {"app.buf-2026", Is::given},
      {"app.buf.1.gz", Is::given},
      {"app.buf-20261130.zst", Is::given},
      {"app.buf.gz", Is::given},
      {"app.1.buf", Is::given},
      {"app-20261130.buf", Is::given},
      {"app-20261130.buf.xz", Is::given},
      {"app.buf.old", Is::likely},
      {"app.buf~", Is::likely},
      {"app.buf.~1~", Is::likely},
      {"app.buf.1-web1", Is::likely},
      {"app.buf20261130", Is::likely},
      {"app.buf.20261130T142615Z", Is::likely},
      {"app.buf.tar.gz", Is::likely},
      {"app.buf (copy)", Is::likely},
      {"app.buf.Mon", Is::likely},
      {"app.1", Is::likely},
      {"app.old", Is::likely},
      {"app.tgz", Is::likely},
      {"app20261130.buf", Is::likely},
      {"app-30-Nov-2026.buf", Is::likely},
      {"app_backup.buf", Is::likely},
      {"app.buf", Is::none},
      {"app.bufx", Is::none},
      {"app.buffer", Is::none},
      {"app.conf", Is::none},
      {"app", Is::none},
      {"application.buf", Is::none},
      {"app-server.buf", Is::none},
      {"app-old-server.buf", Is::none},
      {"old-app.buf", Is::none},
      {"ap.1", Is::none},
  }));
  INFO(name);
  CHECK(is_sure_rotated_name(name, "app.buf") == (is == Is::sure));
  CHECK(is_rotated_name(name, "app.buf") == (is == Is::sure || is == Is::given));
  CHECK(may_be_rotated_name(name, "app.buf") == (is != Is::none));
}

TEST_CASE("a buffer whose name has no extension is rotated by what stands behind all of it") {
  CHECK(is_sure_rotated_name("spool.1", "spool"));
  CHECK(is_rotated_name("spool-20261130.gz", "spool"));
  CHECK_FALSE(may_be_rotated_name("spooler", "spool"));
  CHECK_FALSE(may_be_rotated_name("spo.1", "spool"));
}

TEST_CASE("what stands beside a buffer by our own doing is not taken for a rotated one") {
  const auto [name, is] = GENERATE(table<std::string, bool>({
      {"app.buf.agent", true},
      {"app.buf.agent.1.gz", true},
      {"app.buf.quarantine", true},
      {"app.buf.reserve", true},
      {"app.buf.orphan-1764512775", true},
      {"app.buf.quarantine.1", false},
      {"app.buf.1", false},
      {"app.buf.old", false},
  }));
  INFO(name);
  CHECK(is_ours(name, "app.buf") == is);
}

TEST_CASE("a quarantine is rotated under the names that its buffer is") {
  CHECK(is_rotated_quarantine("app.buf.quarantine.1", "app.buf"));
  CHECK(is_rotated_quarantine("app.buf.quarantine-20261130.gz", "app.buf"));
  CHECK(is_rotated_quarantine("app.buf.quarantine.old", "app.buf"));
  CHECK_FALSE(is_rotated_quarantine("app.buf.quarantine", "app.buf"));
  CHECK_FALSE(is_rotated_quarantine("app.buf.1", "app.buf"));
}

TEST_CASE("a compressed one names the program that unpacks it") {
  CHECK(unpacker_of("app.buf.1.gz") == "zcat");
  CHECK(unpacker_of("app.buf.1.zst") == "zstdcat");
  CHECK(unpacker_of("app.buf.1.xz") == "xzcat");
  CHECK(unpacker_of("app.buf.1.bz2") == "bzcat");
  CHECK(unpacker_of("app.buf.1").empty());
}
