#include "sinks/kafka_trial.h"

#include <algorithm>

#include "sinks/kafka_certificate.h"
#include "sinks/kafka_codes.h"
#include "sinks/kafka_outcome.h"

namespace punchline {
namespace {

/// More events than come within the life of one instance, except those of "debug". Those that are
/// left wait.
constexpr std::size_t kEventsMax = 1'000;

}  // namespace

void KafkaTrial::take(Result<std::unique_ptr<KafkaInstance>> made, Time now) {
  made_ = now;
  proven_since_.reset();
  objection_.clear();
  certificate_.clear();
  next_ = now + (made ? 2 * pause_ : pause_);
  if (!made) return fail(0, made.error().message());
  instance_ = std::move(*made);
}

bool KafkaTrial::stands(const KafkaInstance* present, const std::vector<std::string>& topics,
                        Time now) {
  if (instance_ == nullptr) return false;
  hear();
  const auto fatal = instance_->fatal();
  if (fatal) object(fatal->code, explained(fatal->text, certificate_));
  if (fatal || !instance_->has_id() || !has_all(present, topics)) {
    proven_since_.reset();
    return false;
  }
  if (!proven_since_) proven_since_ = now;
  return now >= *proven_since_ + kSettle;
}

void KafkaTrial::hear() {
  std::vector<Delivery> none;  // it was given no records
  std::vector<KafkaSaying> sayings;
  instance_->poll(kEventsMax, none, sayings);
  for (const KafkaSaying& saying : sayings) {
    if (saying.kind == KafkaSaying::Kind::certificate) certificate_ = saying.text;
    if (saying.kind != KafkaSaying::Kind::error) continue;
    if (saying.code == kafka_codes::kAllBrokersDown) continue;  // the other errors say why
    object(saying.code, explained(saying.text, certificate_));
  }
}

/// A topic that the present client does not have either is no objection.
bool KafkaTrial::has_all(const KafkaInstance* present, const std::vector<std::string>& topics) {
  const auto mine = instance_->known_topics();
  if (!mine) return false;
  const auto others = present != nullptr ? present->known_topics() : std::nullopt;
  if (!others) return true;
  for (const TopicAnswer& topic : *mine) {
    const auto good = std::any_of(others->begin(), others->end(), [&](const TopicAnswer& other) {
      return other.route == topic.route && other.code == 0;
    });
    if (topic.code == 0 || !good) continue;
    object(topic.code, "topic '" + topics[topic.route] + "': " + kafka_code_name(topic.code));
    return false;
  }
  return true;
}

/// The client may stand all the same, for example if one broker of three is away.
void KafkaTrial::object(std::int32_t code, std::string text) {
  objection_code_ = code;
  objection_ = std::move(text);
  next_ = std::min(next_, made_ + pause_);
}

std::unique_ptr<KafkaInstance> KafkaTrial::give_failed(Time now) {
  if (instance_ == nullptr || now < next_) return nullptr;
  if (objection_.empty()) object(kafka_codes::kTimedOut, "no broker has let it in");
  fail(objection_code_, objection_);
  return give();
}

KafkaTrial::Time KafkaTrial::due() const {
  return proven_since_ ? *proven_since_ + kSettle : next_;
}

/// Texts about connections have times in them, so each code counts once. Texts about files, which
/// have no code, have none.
void KafkaTrial::fail(std::int32_t code, const std::string& text) {
  if (met_.emplace(code, code == 0 ? text : "").second) failure_ = text;
}

}  // namespace punchline
