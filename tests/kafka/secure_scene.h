#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "tests/support/certificates.h"
#include "tests/support/log_corpus.h"
#include "tests/support/producer.h"
#include "tests/support/program.h"
#include "tests/support/secure_kafka.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {

constexpr const char* kPassword = "Correct-Horse-7";

/// One for all cases of a program, since a start takes seconds; each has topics of its own.
SecureKafka& shared_kafka();

/// Properties with their values as they stand in a config file.
using Properties = std::map<std::string, std::string>;

std::string text(const std::string& value);
std::string in_file(const std::string& path);

/// As whoever rotates a file has to: its reader sees the old one or the new one.
void replace_file(const std::string& path, const std::string& contents);

std::size_t lines_at_info(const std::string& log);

/// What one agent has: buffer, configuration, secrets.
class Place {
 public:
  explicit Place(const std::string& name) : folder_(name) {}

  const TempDir& folder() const { return folder_; }
  std::string buffer() const { return folder_.file("buffer"); }
  std::string file(const std::string& name) const { return folder_.file(name); }

  void put_password(const std::string& password) const;
  void put_ca(const Authority& authority) const;
  void put_client(const Authority& authority) const;

  Properties tls() const;
  Properties tls_with_certificate() const;
  Properties sasl(const std::string& mechanism, const std::string& user) const;
  Properties sasl_with_file(const std::string& mechanism, const std::string& user) const;
  Properties over_tls(Properties all) const;

  void configure(const Properties& properties) const;
  RunSetup setup(const std::string& listener, const std::string& topic,
                 const Properties& properties) const;

 private:
  TempDir folder_;
};

/// A producer and an agent at work, and the account at their end. Its verbs but finish() wait.
class Work {
 public:
  Work(const Place& place, const RunSetup& setup);

  Agent& agent() { return agent_; }
  double confirmed() { return agent_.metric("punchline_records_confirmed_total"); }
  [[nodiscard]] bool goes_on();
  /// Records that nobody takes gather meanwhile.
  [[nodiscard]] bool appends();
  /// At most `lines_max` lines were logged at info and above.
  void finish(std::size_t lines_max = 11);

 private:
  const std::string topic_;
  const Place& place_;
  const LogCorpus corpus_ = LogCorpus::committed();
  Agent agent_;
  Producer producer_;
};

}  // namespace punchline::testing
