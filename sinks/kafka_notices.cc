#include "sinks/kafka_notices.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "buffer/base/counted.h"
#include "sinks/kafka_certificate.h"
#include "sinks/kafka_codes.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

using namespace kafka_codes;
using Severity = Notice::Severity;

/// A broker's verdict on our certificate comes as an alert, when the handshake is long over for us.
bool is_denial(std::int32_t code, const std::string& text) {
  if (is_of_the_protocol(text)) return false;
  return code == kSsl || code == kAuthentication || text.find("SSL alert") != std::string::npos;
}

/// socket(2) failed for want of a descriptor, in this process or in the whole system.
bool lacks_descriptors(const std::string& text) {
  for (const int code : {EMFILE, ENFILE}) {
    const auto reason = std::generic_category().message(code);
    if (text.find("Failed to create socket: " + reason) != std::string::npos) return true;
  }
  return false;
}

std::string nobody(const std::string& text, bool denied) {
  if (denied) return "no Kafka broker is of use";
  if (lacks_descriptors(text)) {
    return "no connection to Kafka can be opened for want of a descriptor: raise ulimit -n or "
           "LimitNOFILE";
  }
  return "no Kafka broker answers";
}

std::string quoted(const std::string& topic) {
  return "topic '" + topic + "'";
}

std::string topic_text(std::int32_t code, const std::string& topic) {
  const std::string goes_on =
      "; its records wait in their buffers, asking again every second or two";
  switch (code) {
    case kUnknownTopic:
      return quoted(topic) + " does not exist in the cluster" + goes_on;
    case kLeaderNotAvailable:
      return quoted(topic) + " has no leader yet" + goes_on;
    case kTopicException:
      return quoted(topic) + ": the cluster does not accept this name" + goes_on;
    case kTopicAuthorizationFailed:
      return quoted(topic) + ": we are not authorized to use it" + goes_on;
    default:
      return quoted(topic) + ": " + kafka_code_name(code) + goes_on;
  }
}

}  // namespace

void KafkaNotices::connection_error(std::int32_t code, const std::string& text,
                                    std::vector<Notice>& notices) {
  if (code == kAllBrokersDown) return;  // the other errors say why
  cause_ = explained(text, certificate_);
  denied_ = is_denial(code, text);
  if (denied_) denial_ = code;
  if (away_ && denied_ && !denials_.contains(code)) tell_away(code, notices);
}

std::string KafkaNotices::why() const {
  if (!cause_.empty()) return cause_;
  if (!silence_.empty()) return silence_;
  return kafka_code_name(away_code_) + (away_code_ == kTimedOut ? ": nothing comes back" : "");
}

void KafkaNotices::remind(Time now, std::vector<Notice>& notices) {
  remind_of_nobody(now, notices);
  for (auto& [route, trouble] : topic_trouble_) {
    if (!trouble.due) trouble.due = now + kStillInterval;
    if (away_ || now < *trouble.due) continue;
    trouble.due = now + kStillInterval;
    notices.push_back({Severity::warning, 0, topic_text(trouble.code, trouble.topic)});
  }
}

void KafkaNotices::remind_of_nobody(Time now, std::vector<Notice>& notices) {
  if (!away_) return away_since_.reset();
  if (!away_since_) {
    away_since_ = now;
    still_due_ = now + kStillInterval;
  }
  if (now < still_due_) return;
  still_due_ = now + kStillInterval;
  const auto minutes = std::chrono::floor<std::chrono::minutes>(now - *away_since_).count();
  notices.push_back({denied_ ? Severity::error : Severity::warning, 0,
                     "still " + nobody(cause_, denied_) + ", for " + std::to_string(minutes) +
                         " min: " + why()});
}

void KafkaNotices::tell_away(std::int32_t code, std::vector<Notice>& notices) {
  if (denied_) {
    denials_.insert(denial_);
    notices.push_back({Severity::error, code,
                       nobody(cause_, denied_) + ": certificates or passwords are wrong (" + why() +
                           "); trying again, with what their files hold by then"});
    return;
  }
  notices.push_back({Severity::warning, code,
                     nobody(cause_, denied_) + " (" + why() + "); trying again until one does"});
}

void KafkaNotices::topic_answer(const TopicAnswer& answer, const std::string& topic,
                                std::vector<Notice>& notices) {
  if (answer.code != 0) {  // reason enough, and told below
    std::erase_if(not_taken_, [&](const auto& lane) { return lane.first.route == answer.route; });
  }
  if (!answer.broker_answered) {
    away_code_ = answer.code;
    silence_ = answer.silence;
    if (!std::exchange(away_, true)) tell_away(answer.code, notices);
    return;
  }
  broker_answers(notices);
  const auto trouble = topic_trouble_.find(answer.route);
  if (answer.code == 0) {
    const auto* there = topics_met_.insert(answer.route).second ? "now" : "again";
    if (trouble == topic_trouble_.end()) return;
    topic_trouble_.erase(trouble);
    notices.push_back({Severity::info, 0,
                       quoted(topic) + " is there " + there + ", with " +
                           counted(static_cast<std::uint64_t>(answer.partitions), "partition")});
    return;
  }
  if (trouble != topic_trouble_.end() && trouble->second.code == answer.code) return;
  topic_trouble_[answer.route] = {answer.code, topic, std::nullopt};
  notices.push_back({Severity::warning, answer.code, topic_text(answer.code, topic)});
}

bool KafkaNotices::is_missing(RouteId route) const {
  const auto trouble = topic_trouble_.find(route);
  return trouble != topic_trouble_.end() && trouble->second.code == kUnknownTopic;
}

void KafkaNotices::broker_answers(std::vector<Notice>& notices) {
  cause_.clear();
  certificate_.clear();
  denied_ = false;
  denials_.clear();
  if (std::exchange(away_, false)) {
    notices.push_back({Severity::info, 0, "a Kafka broker answers again"});
  }
}

void KafkaNotices::delivery(const Delivery& delivery, const std::string& topic,
                            std::vector<Notice>& notices) {
  const RouteId route = delivery.lane.route;
  if (delivery.outcome == Outcome::persisted) {
    other_trouble_.clear();
    if (delivery_trouble_.erase(route) != 0) {
      notices.push_back({Severity::info, 0, quoted(topic) + " takes records again"});
    }
    return;
  }
  if (kafka_outcome(delivery.code, false).fault != KafkaFault::configuration) return;
  if (!delivery_trouble_.emplace(route, delivery.code).second) return;
  notices.push_back({Severity::error, delivery.code,
                     quoted(topic) + " refuses our records: " + kafka_code_name(delivery.code) +
                         "; somebody has to change rights or settings, trying again until then"});
}

void KafkaNotices::not_taken(Lane lane, std::int32_t code, const std::string& topic, Time now,
                             std::vector<Notice>& notices) {
  if (kafka_outcome(code, false).fault == KafkaFault::fatal) return;  // told as a lost client
  NotTaken& trouble = not_taken_[lane];
  if (trouble.code != code) trouble = {code, now, false};
  if (now - trouble.since < kNotTakenMin || std::exchange(trouble.told, true)) return;
  notices.push_back({Severity::error, code,
                     quoted(topic) + ": the Kafka client takes no records for partition " +
                         std::to_string(lane.partition) + ": " + kafka_code_name(code) +
                         "; they wait in their buffers, trying again"});
}

void KafkaNotices::other_error(std::int32_t code, const std::string& text,
                               std::vector<Notice>& notices) {
  if (!other_trouble_.insert(code).second) return;
  notices.push_back({Severity::warning, code, "Kafka client: " + explained(text, "")});
}

void KafkaNotices::lost(std::int32_t code, const std::string& text, std::chrono::milliseconds delay,
                        Time now, std::vector<Notice>& notices) {
  auto [place, fresh] = lost_.try_emplace(code);
  Lost& lost = place->second;
  if (!fresh && now - lost.told < kLostInterval) {
    ++lost.untold;
    return;
  }
  std::string what = "Kafka client given up (" + kafka_code_name(code) + ": " + text +
                     "); nothing is lost, a new one is made in " + std::to_string(delay.count()) +
                     " ms";
  if (lost.untold != 0) what += "; " + std::to_string(lost.untold) + " times more before this";
  notices.push_back({Severity::warning, code, std::move(what)});
  lost = {now, 0};
}

}  // namespace punchline
