// When it is certain that nobody answers, and what is told of it.
#include "sinks/kafka_silence.h"

#include <string>
#include <vector>

#include "sinks/kafka_certificate.h"
#include "sinks/kafka_notices.h"
#include "sinks/kafka_peers.h"
#include "tests/support/catch.h"

namespace punchline {
namespace {

using namespace std::chrono_literals;
using State = KafkaPeer::State;

const TopicAnswer kNone{.route = 0, .code = -185, .broker_answered = false};
constexpr KafkaSilence::Time kBegin{1h};

TEST_CASE("nobody answers only when nothing at all has come for two seconds after the question") {
  KafkaSilence silence;
  silence.heard(kBegin);
  CHECK_FALSE(silence.due());
  silence.unanswered(kNone, kBegin + 60s);
  CHECK(silence.due() == kBegin + 62s);
  CHECK_FALSE(silence.take(kBegin + 61s, true));
  silence.heard(kBegin + 61s);  // reports go on coming
  silence.unanswered(kNone, kBegin + 62s);
  CHECK_FALSE(silence.take(kBegin + 62s, true));
  CHECK(silence.take(kBegin + 63s, false) == kNone);
  CHECK_FALSE(silence.take(kBegin + 70s, false));  // once
}

TEST_CASE("a late answer is one, and a quota's delay is no silence") {
  KafkaSilence silence;
  silence.unanswered(kNone, kBegin);
  silence.answered();
  CHECK_FALSE(silence.take(kBegin + 60s, true));
  silence.heard(kBegin);
  silence.throttled(kBegin + 30s);
  silence.unanswered(kNone, kBegin + 1s);
  CHECK_FALSE(silence.take(kBegin + 31s, false));
  SECTION("it is over") { CHECK(silence.take(kBegin + 32s, false)); }
  SECTION("its connection fails") {
    silence.failed();
    CHECK(silence.take(kBegin + 4s, true));
  }
}

TEST_CASE("that nobody ever answered is told at once where connections fail, else a bit later") {
  KafkaSilence silence;
  silence.unanswered(kNone, kBegin);
  CHECK_FALSE(silence.take(kBegin, false));
  CHECK(silence.take(kBegin, true));
  silence.unanswered(kNone, kBegin);
  CHECK(silence.take(kBegin + 2s, false));
}

TEST_CASE("what is seen of connections says why nothing comes, of each server once") {
  CHECK(silence_of(KafkaPeer{"k1:9092", State::talking}).empty());
  CHECK(silence_of(KafkaPeer{"k1:9092", State::mute}) ==
        "connected to k1:9092, but nothing comes back that is Kafka's: another protocol's port, or "
        "a broker that stands still");
  const std::vector<KafkaPeer> peers = {{"k2:9092", State::unreached},
                                        {"k1:9092", State::mute},
                                        {"k1:9092", State::mute},
                                        {"k0:9092", State::talking}};
  CHECK(silence_of(peers) == silence_of(peers[1]) + "; " + silence_of(peers[0]));
  const std::vector<KafkaPeer> many = {{"a", State::mute}, {"b", State::mute}, {"c", State::mute},
                                       {"d", State::mute}, {"e", State::mute}};
  const std::string text = silence_of(many);
  CHECK(text.find("connected to c,") != text.npos);
  CHECK(text.find("connected to d,") == text.npos);
  CHECK(text.ends_with("; and 2 more"));
}

TEST_CASE("a port that takes connections and says nothing is told by its name") {
  KafkaNotices notices;
  std::vector<Notice> told;
  TopicAnswer none = kNone;
  none.silence = "connected to k1:80, but nothing comes back";
  notices.topic_answer(none, "t", told);
  REQUIRE(told.size() == 1);
  CHECK(told[0].text.find("no Kafka broker answers (connected to k1:80, but nothing") == 0);
  CHECK(notices.trouble() == none.silence);
  CHECK_FALSE(notices.failing());
  notices.connection_error(-195, "k1:80: Connection refused", told);  // says more
  CHECK(notices.trouble() == "k1:80: Connection refused");
  CHECK(notices.failing());
}

TEST_CASE("librdkafka's guesses about a port that is no broker's are left out") {
  const std::string closed =
      explained("k1:80/bootstrap: Disconnected while requesting ApiVersion: might be caused by "
                "incorrect security.protocol configuration or broker version is < 0.10",
                "");
  CHECK(closed ==
        "the other side closes the connection at our first request: a TLS port, or not Kafka; "
        "k1:80/bootstrap: Disconnected while requesting ApiVersion");
  const std::string smtp =
      explained("k1:25/bootstrap: Receive failed: Invalid response size 842149920 (0..100000000): "
                "increase receive.message.max.bytes",
                "");
  CHECK(smtp == "what answers at this port is not Kafka; k1:25/bootstrap: Receive failed: Invalid "
                "response size 842149920");
  CHECK(explained("Invalid response size 352518912 (0..1)", "").find("TLS is spoken") == 0);
  CHECK(explained("Invalid response size 1213486160 (0..1)", "").find("an HTTP server") == 0);
  const std::string mute =
      explained("ApiVersionRequest failed: Local: Timed out: probably due to broker version < 0.10",
                "");
  CHECK(mute.find("nothing comes back that is Kafka's") == 0);
  CHECK(mute.find("version <") == std::string::npos);
}

}  // namespace
}  // namespace punchline
