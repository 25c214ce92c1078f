#include "sinks/log_mark.h"

#include "tests/support/catch.h"

using punchline::LogMark;
using Word = punchline::LogMark::Word;

TEST_CASE("offsets that ascend count, with those of others between them") {
  LogMark mark;
  CHECK(mark.confirmed() == -1);
  CHECK(mark.hear(0, 1) == Word::counts);
  CHECK(mark.confirmed() == 0);
  CHECK(mark.hear(7, 3) == Word::counts);
  CHECK(mark.confirmed() == 9);
  CHECK(mark.hear(10, 1) == Word::counts);
}

TEST_CASE("one that does not shows a loss, once, and the client is doubted until it is renewed") {
  for (const int offset : {0, 8, 9}) {
    LogMark mark;
    REQUIRE(mark.hear(5, 5) == Word::counts);
    CHECK(mark.hear(offset, 1) == Word::shows_loss);
    CHECK(mark.confirmed() == 9);
    mark.forget();
    CHECK(mark.hear(10, 1) == Word::in_doubt);
    CHECK(mark.hear(0, 1) == Word::in_doubt);
    mark.renew();
    CHECK(mark.hear(0, 1) == Word::counts);
    CHECK(mark.confirmed() == 0);
  }
}

TEST_CASE("another log begins anew") {
  LogMark mark;
  REQUIRE(mark.hear(100, 5) == Word::counts);
  mark.forget();
  CHECK(mark.hear(3, 1) == Word::counts);
}
