#include "sinks/kafka_supervisor.h"

#include <algorithm>
#include <utility>

namespace punchline {

KafkaSupervisor::KafkaSupervisor(KafkaSettings settings, KafkaLimits limits, WakeFd& wake)
    : settings_(std::move(settings)), limits_(limits), wake_(wake) {}

KafkaSupervisor::~KafkaSupervisor() {
  for (auto* instance : {&instance_, &successor_})
    let_go(std::move(*instance));
  if (trial_) let_go(trial_->give());
  const auto deadline = std::chrono::steady_clock::now() + limits_.destroy_max;
  for (auto& instance : retired_) {
    if (instance->wait_gone(deadline)) continue;
    // The process ends anyway. What the instance may still read and write stays as it is.
    instance->leak();
    wake_.leak();
  }
}

Status KafkaSupervisor::start() {
  wanted_ = true;
  return make();
}

Status KafkaSupervisor::make() {
  auto made = make(settings_);
  if (!made) return made.error();
  instance_ = std::move(*made);
  return {};
}

Result<std::unique_ptr<KafkaInstance>> KafkaSupervisor::make(KafkaSettings& settings) const {
  if (settings.credentials) {
    for (const auto& [name, value] : settings.credentials())
      settings.properties.insert_or_assign(name, value);
  }
  auto instance = KafkaInstance::start(settings, wake_, limits_.metadata_interval);
  if (!instance) return instance;
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    (*instance)->add_route(static_cast<RouteId>(i), routes_[i]);
  }
  return instance;
}

void KafkaSupervisor::renew(KafkaSettings settings, Time now) {
  settings_ = std::move(settings);
  losses_ = 0;
  if (condemn(now, true); dying_) wake_.wake();
}

void KafkaSupervisor::try_out(KafkaSettings settings) {
  if (trial_) let_go(trial_->give());
  trial_.emplace(std::move(settings), limits_.trial_pause);
  wake_.wake();
}

bool KafkaSupervisor::add_route(RouteId route, const std::string& name) {
  routes_.push_back(name);
  if (successor_) successor_->add_route(route, name);
  if (trial_ && trial_->instance() != nullptr) trial_->instance()->add_route(route, name);
  return !instance_ || instance_->add_route(route, name);
}

void KafkaSupervisor::stop() {
  stopped_ = true;
  if (trial_) let_go(trial_->give());
  trial_.reset();
  if (instance_) instance_->purge();
}

std::chrono::milliseconds KafkaSupervisor::condemn(Time now, bool expected) {
  if (instance_ == nullptr || dying_) return std::chrono::milliseconds{0};
  dying_ = true;
  instance_->purge();  // so that what was not sent is reported at once
  retire_at_ = now + limits_.dying_max;
  auto delay = std::chrono::milliseconds{0};
  if (!expected) {
    if (losses_ > 0) delay = std::min(kDelayMin * (1U << std::min(losses_ - 1, 6U)), kDelayMax);
    ++losses_;
  }
  make_at_ = now + delay;
  return delay;
}

void KafkaSupervisor::retire() {
  let_go(std::move(instance_));
  dying_ = false;
}

void KafkaSupervisor::let_go(std::unique_ptr<KafkaInstance> instance) {
  if (!instance) return;
  instance->retire();
  retired_.push_back(std::move(instance));
}

bool KafkaSupervisor::lacks_one() const {
  return wanted_ && !stopped_ && !instance_ && retired_.size() < kRetiredMax;
}

/// An instance that is given up stays until its last report is in, or until retire_at_. Only then
/// does another one take its place.
bool KafkaSupervisor::advance(Time now) {
  std::erase_if(retired_, [](const auto& instance) { return instance->gone(); });
  advance_trial(now);
  bool changed = false;
  if (dying_ && (instance_->outstanding() == 0 || now >= retire_at_)) {
    retire();
    ++gone_;
    changed = true;
  }
  if (!wanted_ && taking() != nullptr && instance_->outstanding() == 0) retire();
  if (instance_ == nullptr && successor_ && !stopped_) {
    instance_ = std::move(successor_);
    start_failure_.clear();
  }
  if (lacks_one() && now >= make_at_) {
    const Status made = make();
    start_failure_ = made ? "" : made.error().message();
    if (!made) make_at_ = now + kDelayMax;
  }
  return changed;
}

/// No client is made while another one is being destroyed, which may take long. So there are never
/// many of those that fail.
void KafkaSupervisor::advance_trial(Time now) {
  if (!trial_) return;
  if (trial_->wants_instance(now) && retired_.empty()) trial_->take(make(trial_->settings()), now);
  if (trial_->stands(instance_.get(), routes_, now)) {
    let_go(std::exchange(successor_, trial_->give()));
    renew(std::move(trial_->settings()), now);
    return trial_.reset();
  }
  let_go(trial_->give_failed(now));
}

std::optional<KafkaSupervisor::Time> KafkaSupervisor::due() const {
  std::optional<Time> due;
  if (dying_) due = retire_at_;
  if (!dying_ && lacks_one()) due = make_at_;
  if (trial_ && (trial_->instance() != nullptr || retired_.empty())) {
    due = std::min(due.value_or(trial_->due()), trial_->due());
  }
  return due;
}

}  // namespace punchline
