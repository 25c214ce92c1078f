#include "sinks/kafka_supervisor.h"

#include <algorithm>
#include <utility>

namespace punchline {

KafkaSupervisor::KafkaSupervisor(KafkaSettings settings, KafkaLimits limits, WakeFd& wake)
    : settings_(std::move(settings)), limits_(limits), wake_(wake) {}

KafkaSupervisor::~KafkaSupervisor() {
  if (instance_) retire();
  const auto deadline = std::chrono::steady_clock::now() + limits_.destroy_max;
  for (auto& instance : retired_) {
    if (instance->wait_gone(deadline)) continue;
    // The process ends anyway; what it may still read and write stays as it is.
    instance->leak();
    wake_.leak();
  }
}

Status KafkaSupervisor::start() {
  wanted_ = true;
  return make();
}

Status KafkaSupervisor::make() {
  if (settings_.credentials) {
    for (const auto& [name, value] : settings_.credentials())
      settings_.properties.insert_or_assign(name, value);
  }
  auto instance = KafkaInstance::start(settings_, wake_, limits_.metadata_interval);
  if (!instance) return instance.error();
  instance_ = std::move(*instance);
  for (std::size_t i = 0; i < routes_.size(); ++i) {
    instance_->add_route(static_cast<RouteId>(i), routes_[i]);
  }
  return {};
}

void KafkaSupervisor::renew(KafkaSettings settings, Time now) {
  settings_ = std::move(settings);
  losses_ = 0;
  if (condemn(now, true); dying_) wake_.wake();
}

bool KafkaSupervisor::add_route(RouteId route, const std::string& name) {
  routes_.push_back(name);
  return !instance_ || instance_->add_route(route, name);
}

void KafkaSupervisor::stop() {
  stopped_ = true;
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
  instance_->retire();
  retired_.push_back(std::move(instance_));
  dying_ = false;
}

bool KafkaSupervisor::lacks_one() const {
  return wanted_ && !stopped_ && !instance_ && retired_.size() < kRetiredMax;
}

bool KafkaSupervisor::advance(Time now) {
  std::erase_if(retired_, [](const auto& instance) { return instance->gone(); });
  bool changed = false;
  if (dying_ && (instance_->outstanding() == 0 || now >= retire_at_)) {
    retire();
    ++epoch_;
    changed = true;
  }
  if (!wanted_ && taking() != nullptr && instance_->outstanding() == 0) retire();
  if (lacks_one() && now >= make_at_) {
    const Status made = make();
    start_failure_ = made ? "" : made.error().message();
    if (!made) make_at_ = now + kDelayMax;
  }
  return changed;
}

std::optional<KafkaSupervisor::Time> KafkaSupervisor::due() const {
  if (dying_) return retire_at_;
  if (lacks_one()) return make_at_;
  return std::nullopt;
}

}  // namespace punchline
