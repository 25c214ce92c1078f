#pragma once

#include <string>
#include <utility>
#include <vector>

#include "agent/core/aside.h"
#include "agent/core/below_front.h"
#include "agent/core/dropper.h"
#include "agent/core/feeder.h"
#include "agent/core/refusals.h"
#include "agent/core/silence.h"
#include "agent/core/spread_keeper.h"
#include "agent/core/truncation.h"
#include "tests/support/catch.h"
#include "tests/support/memory_file.h"
#include "tests/support/scripted_sink.h"
#include "tests/unit/core/books.h"
#include "tests/unit/core/world.h"

namespace punchline::testing {

inline const TimePoint kDeskStart{std::chrono::hours(1)};

inline BufferConfig desk_config() {
  BufferConfig config;
  config.path = "desk.buf";
  config.topic = "logs";
  config.stripe_bytes = 100;
  return config;
}

/// A hundred lines of ten bytes in stripes of a hundred bytes, which go to two partitions, and the
/// parts of a pipe on them, each to be called by the test itself.
struct Desk {
  explicit Desk(BufferConfig config_ = desk_config(), bool has_store = true)
      : config(std::move(config_)), stored(has_store ? &store : nullptr) {
    const auto wanted = partitions.wanted(2);
    partitions.set(wanted, wanted);
    space.rules().record_bytes_max = config.record_bytes_max;
  }

  static std::string lines() {
    std::string text;
    for (int i = 100; i < 200; ++i)
      text += "line " + std::to_string(i) + ".\n";
    return text;
  }
  static Checkpoint& started(Checkpoint& checkpoint) {
    REQUIRE(checkpoint.start().ok());
    REQUIRE(checkpoint.settle_format().ok());
    return checkpoint;
  }
  std::uint64_t records_set_aside(SetAsideReason reason) const {
    return metrics.records_set_aside[static_cast<std::size_t>(reason)].get();
  }
  /// Takes all reports that come, as a pipe would. Returns how many records were confirmed.
  std::size_t hear() {
    std::size_t confirmed = 0;
    std::vector<Delivery> deliveries;
    std::vector<Notice> notices;
    do {
      deliveries.clear();
      sink.poll(deliveries, notices);
      for (const auto& delivery : deliveries) {
        lanes.take(delivery, now);
        if (delivery.outcome != Outcome::persisted) continue;
        gauges.count_confirmed(delivery);
        books.freer.done(delivery.range, now);
        confirmed += delivery.records;
      }
    } while (!deliveries.empty());
    return confirmed;
  }

  TimePoint now = kDeskStart;
  const BufferConfig config;
  MemoryFile file{lines()};
  KeptStore store;
  SetAsideStore* stored;
  Checkpoint checkpoint{file, StartFacts{}};
  Books books{started(checkpoint)};
  Ledger& ledger{books.ledger};
  Space& space{checkpoint.space()};
  BufferMetrics metrics{"desk.buf", "logs"};
  LossAccount losses{file, metrics};
  KeptLog log;
  ScriptedSink sink{2, 1};
  ChunkPool pool{4 * ChunkPool::kChunkBytes};
  ChunkPool side_pool{ChunkPool::kChunkBytes};
  Partitions partitions{config};
  Lanes lanes{2, 1};
  Outlet outlet{sink, pool, config.topic, lanes, partitions, config.drain_rate};
  Envelope envelope{config, nullptr, "uuid", ""};
  PipeGauges gauges{{space, checkpoint, ledger, books.freer, metrics, losses, log}, config, now};
  Aside aside{{checkpoint, ledger, books.freer, gauges, stored, side_pool}, config.topic, 0};
  Refusals refusals{{space, ledger, lanes, envelope, aside, log}, config, 1};
  Tail tail{now};
  ShrinkWatch shrink{checkpoint};
  Feeder feeder{{checkpoint, ledger, books.freer, lanes, partitions, outlet, envelope, aside,
                 refusals, tail, shrink, gauges, metrics, pool, log},
                config,
                0};
  Truncation truncation{
      {space, shrink, ledger, lanes, feeder, gauges, losses, side_pool, log}, config, 0};
  SpreadKeeper spread{{checkpoint, ledger, books.freer, lanes, partitions, outlet, envelope, feeder,
                       tail, truncation, gauges, metrics, log, nullptr, nullptr},
                      config,
                      1};
  BelowFront below{{checkpoint, ledger, books.freer, lanes, partitions, outlet, envelope, aside,
                    feeder, shrink, gauges, losses, pool, log},
                   config,
                   0,
                   now};
  Dropper dropper{{space, ledger, books.freer, lanes, aside, refusals, feeder, gauges, side_pool},
                  config,
                  0,
                  now};
  Silence silence{sink, lanes, config.path, log};
};

}  // namespace punchline::testing
