#include "agent/core/refusal_rate.h"

#include "tests/support/catch.h"

using punchline::RefusalRate;

TEST_CASE("ten refused records among a hundred are records, more are a fault of the topic") {
  RefusalRate rate;
  for (int i = 0; i < 10; ++i) {
    CHECK(rate.may_refuse(1));
    rate.arrived(9);
  }
  CHECK_FALSE(rate.may_refuse(1));
  CHECK_FALSE(rate.may_refuse(1));
  rate.arrived(1);
  CHECK(rate.may_refuse(1));  // the first was a hundred records back
  rate.arrived(8);
  CHECK_FALSE(rate.may_refuse(1));
  rate.arrived(1);
  CHECK(rate.may_refuse(1));
}

TEST_CASE("what arrived in an earlier run lets ten more be refused, once") {
  RefusalRate rate;
  rate.arrived_before();
  int refused = 0;
  for (int i = 0; i < 1000; ++i)
    refused += rate.may_refuse(1) ? 1 : 0;
  CHECK(refused == 20);
}

TEST_CASE("where nothing arrives ten are set aside, then no more") {
  RefusalRate rate;
  int refused = 0;
  for (int i = 0; i < 1000; ++i)
    refused += rate.may_refuse(1) ? 1 : 0;
  CHECK(refused == 10);
  rate.arrived(100);
  CHECK(rate.may_refuse(1));
}

TEST_CASE("it knows whether anything has ever arrived") {
  RefusalRate rate;
  CHECK_FALSE(rate.any_arrived());
  CHECK(rate.may_refuse(1));
  CHECK_FALSE(rate.any_arrived());
  SECTION("in this run") { rate.arrived(1); }
  SECTION("in an earlier one") { rate.arrived_before(); }
  SECTION("before the first record of this run") { rate.has_taken_some(); }
  CHECK(rate.any_arrived());
}
