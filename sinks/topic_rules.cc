#include "sinks/topic_rules.h"

namespace punchline {
namespace {

/// A batch of one record without key and headers is longer than its payload by at most this: 61
/// bytes of head (KIP-98, "Message Format"), 6 numbers of variable length and an attribute.
constexpr std::uint64_t kBatchOverhead = 61 + 10 + 5 * 5 + 1;

using Kind = TopicAdvice::Kind;

void judge_replicas(const std::string& topic, const TopicSettings& settings,
                    std::vector<TopicAdvice>& advice) {
  const auto replicas = settings.replicas;
  const auto in_sync = settings.min_insync_replicas;
  const auto setting = "min.insync.replicas is " + std::to_string(in_sync);
  if (in_sync > replicas) {
    advice.push_back({Kind::bad, topic + ": " + setting + ", and it has " +
                                     std::to_string(replicas) +
                                     ": it takes no record at all; lower it, or add replicas"});
  } else if (replicas == 1) {
    advice.push_back({Kind::note, topic +
                                      ": has one replica: what its broker loses is lost, though "
                                      "it was confirmed"});
  } else if (in_sync == 1) {
    advice.push_back({Kind::note, topic + ": " + setting +
                                      ": a record is confirmed when one broker has it, and lost "
                                      "with that broker; 2 is better"});
  } else if (in_sync == replicas) {
    advice.push_back({Kind::note, topic + ": " + setting +
                                      ", as many as there are replicas: it "
                                      "takes nothing while one broker is down"});
  }
}

void judge_size(const std::string& topic, const TopicSettings& settings, const TopicUse& use,
                std::vector<TopicAdvice>& advice) {
  const auto most = settings.max_message_bytes;
  const auto needed = use.record_bytes_max + kBatchOverhead;
  if (most == 0 || needed <= most) return;
  const auto fits = most > kBatchOverhead ? most - kBatchOverhead : 0;
  advice.push_back({Kind::note, topic + ": max.message.bytes is " + std::to_string(most) +
                                    ": records of more than some " + std::to_string(fits) +
                                    " bytes would be set aside; raise it to " +
                                    std::to_string(needed) + " for record_bytes_max"});
}

}  // namespace

std::vector<TopicAdvice> judge_topic(const std::string& name, const TopicSettings& settings,
                                     const TopicUse& use) {
  const auto topic = "topic " + name;
  std::vector<TopicAdvice> advice = {
      {Kind::good, topic + ": " + std::to_string(settings.replicas) +
                       (settings.replicas == 1 ? " replica" : " replicas") +
                       ", min.insync.replicas " + std::to_string(settings.min_insync_replicas) +
                       ", max.message.bytes " + std::to_string(settings.max_message_bytes) +
                       ", cleanup.policy " + settings.cleanup_policy}};
  judge_replicas(topic, settings, advice);
  judge_size(topic, settings, use, advice);
  if (use.keyless && settings.cleanup_policy.find("compact") != std::string::npos) {
    advice.push_back({Kind::note, topic +
                                      ": is compacted and refuses records without key, as those "
                                      "of lines are; set key_json or key_column for the buffer, "
                                      "or cleanup.policy=delete"});
  }
  return advice;
}

TopicAdvice judge_missing(const std::string& name, const ClusterSettings* cluster, bool may_ask) {
  const auto topic = "topic " + name;
  const auto missing = topic + " does not exist in the cluster: create it";
  if (cluster == nullptr) return {Kind::bad, missing};
  const auto partitions = "with num.partitions=" + std::to_string(cluster->new_partitions);
  if (!cluster->creates_topics) {
    return {Kind::bad, missing + "; the brokers make none (auto.create.topics.enable=false)"};
  }
  if (may_ask) {
    return {Kind::note, topic + " does not exist yet: the brokers make it when it is first used, " +
                            partitions};
  }
  return {Kind::bad, missing + ", or let the brokers make it, " + partitions +
                         ", by the kafka property allow.auto.create.topics=true"};
}

}  // namespace punchline
