#pragma once

#include <memory>
#include <string>

#include "tests/support/certificates.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace punchline::testing {

/// One broker that asks who is there, by its listeners:
///   TLS       TLS, and a client certificate of the authority in force
///   EXPIRED   the same, with a server certificate that has expired
///   SASL      PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER (any unsigned token), no TLS
///   SASL_TLS  the same over TLS, without client certificate
/// and who may write: nobody may write to a topic before grant(). cluster().bootstrap() is open to
/// the test and may do everything. Throws std::runtime_error. For one thread.
class SecureKafka {
 public:
  static constexpr const char* kPlainUser = "paula";
  static constexpr const char* kPlainPassword = "plain-pass-0815";

  SecureKafka();

  KafkaCluster& cluster() { return cluster_; }
  /// The authority in force: it signed the servers' certificates and has to sign the clients'.
  const Authority& authority() const { return *authority_; }

  /// A user of SCRAM; known to the broker a moment later.
  void set_password(const std::string& user, const std::string& mechanism,
                    const std::string& password);
  /// `user` as the broker names it: "alice", "CN=client".
  void grant(const std::string& user, const std::string& topic);
  void revoke(const std::string& user, const std::string& topic);

  /// Kills the broker, and starts it with server certificates of another authority. That is the one
  /// in force from then on.
  void restart_with_new_authority();

 private:
  KafkaCluster::Options options();
  void install_new_authority();
  void command(const std::string& line);

  TempDir folder_{"secure-kafka"};
  int authorities_ = 0;
  std::unique_ptr<Authority> authority_;
  KafkaCluster cluster_;
  Process admin_;
  std::size_t commands_ = 0;
};

}  // namespace punchline::testing
