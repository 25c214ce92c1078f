#include "sinks/topic_rules.h"

#include <optional>

#include "tests/support/catch.h"

namespace punchline {
namespace {

std::string words(const TopicSettings& settings, const TopicUse& use) {
  std::string text;
  for (const auto& advice : judge_topic("t", settings, use)) {
    text += advice.kind == TopicAdvice::Kind::good   ? "good "
            : advice.kind == TopicAdvice::Kind::note ? "note "
                                                     : "bad ";
    text += advice.text + "\n";
  }
  return text;
}

using Catch::Matchers::Contains;

TEST_CASE("a topic in order gets one line") {
  CHECK(words({3, 2, 1'048'588, "delete"}, {1'000'000, true}) ==
        "good topic t: 3 replicas, min.insync.replicas 2, max.message.bytes 1048588, "
        "cleanup.policy delete\n");
}

TEST_CASE("replicas against min.insync.replicas") {
  CHECK_THAT(words({1, 2, 0, "delete"}, {}),
             Contains("bad topic t: min.insync.replicas is 2, and it "
                      "has 1: it takes no record at all"));
  CHECK_THAT(words({1, 1, 0, "delete"}, {}), Contains("note topic t: has one replica"));
  CHECK_THAT(words({3, 1, 0, "delete"}, {}), Contains("note topic t: min.insync.replicas is 1"));
  CHECK_THAT(words({2, 2, 0, "delete"}, {}), Contains("while one broker is down"));
}

TEST_CASE("the largest record against max.message.bytes") {
  CHECK_THAT(words({3, 2, 1'048'588, "delete"}, {1 << 20, false}),
             Contains("note topic t: max.message.bytes is 1048588: records of more than some "
                      "1048491 bytes would be set aside; raise it to 1048673"));
  CHECK_THAT(words({3, 2, 1'048'673, "delete"}, {1 << 20, false}), !Contains("note"));
  CHECK_THAT(words({3, 2, 50, "delete"}, {100, false}), Contains("more than some 0 bytes"));
}

TEST_CASE("a compacted topic and records without key") {
  CHECK_THAT(words({3, 2, 0, "compact,delete"}, {1, true}), Contains("is compacted and refuses"));
  CHECK_THAT(words({3, 2, 0, "compact"}, {1, false}), !Contains("note"));
}

TEST_CASE("a topic that does not exist") {
  using Kind = TopicAdvice::Kind;
  struct Case {
    std::optional<ClusterSettings> cluster;
    bool may_ask;
    Kind kind;
    std::string words;
  };
  const ClusterSettings makes{"", true, 3};
  const ClusterSettings makes_none{"", false, 3};
  for (const Case& c : {Case{std::nullopt, true, Kind::bad, "in the cluster: create it"},
                        Case{makes_none, true, Kind::bad, "auto.create.topics.enable=false"},
                        Case{makes, false, Kind::bad, "allow.auto.create.topics=true"},
                        Case{makes, true, Kind::note,
                             "when it is first used, with "
                             "num.partitions=3"}}) {
    const auto advice = judge_missing("t", c.cluster ? &*c.cluster : nullptr, c.may_ask);
    INFO(advice.text);
    CHECK(advice.kind == c.kind);
    CHECK_THAT(advice.text, Contains("topic t does not exist") && Contains(c.words));
  }
}

}  // namespace
}  // namespace punchline
