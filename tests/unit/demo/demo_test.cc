#include "agent/demo/demo_account.h"
#include "agent/demo/demo_lines.h"
#include "tests/support/catch.h"

using namespace punchline;

namespace {

const DemoLines kLines({"first", "", "third 3"});

}  // namespace

TEST_CASE("lines are repeated without end and numbered") {
  CHECK(kLines.line(0) == "00000000 first");
  CHECK(kLines.line(4) == "00000004 ");
  CHECK(kLines.line(123456788) == "123456788 third 3");
}

TEST_CASE("only a line that is exactly its own has a number") {
  CHECK(kLines.number_of("00000002 third 3") == 2U);
  CHECK(kLines.number_of("00000005 third 3") == 5U);
  for (const auto* wrong : {"", "00000002", "00000002 third", "00000003 third 3", "2 third 3",
                            "00000002 third 3 ", " 00000002 third 3", "third 3"}) {
    INFO(wrong);
    CHECK_FALSE(kLines.number_of(wrong));
  }
}

TEST_CASE("the machine has lines, and they say where they come from") {
  const auto lines = DemoLines::from_machine();
  CHECK(lines.size() > 0);
  CHECK_FALSE(lines.sources().empty());
  CHECK(lines.number_of(lines.line(77)) == 77U);
}

TEST_CASE("everything there once and in order: the account holds") {
  DemoAccount account(kLines, 4);
  CHECK(account.lost() == 4);
  CHECK_FALSE(account.holds());
  for (const auto number : {0, 2, 1, 3})
    account.arrived(number % 2, kLines.line(number));
  CHECK(account.delivered() == 4);
  CHECK(account.lost() == 0);
  CHECK(account.holds());
}

TEST_CASE("a line that arrives again is a duplicate, in any place") {
  DemoAccount account(kLines, 2);
  for (const auto number : {0, 1, 0, 1, 1})
    account.arrived(0, kLines.line(number));
  CHECK(account.duplicates() == 3);
  CHECK(account.out_of_order() == 0);
  CHECK(account.holds());
}

TEST_CASE("a first arrival behind a later line of its partition is out of order") {
  DemoAccount account(kLines, 3);
  for (const auto number : {0, 2, 1})
    account.arrived(0, kLines.line(number));
  CHECK(account.out_of_order() == 1);
  CHECK_FALSE(account.holds());
}

TEST_CASE("what was never appended is invented") {
  DemoAccount account(kLines, 1);
  account.arrived(0, kLines.line(0));
  CHECK(account.holds());
  account.arrived(0, kLines.line(1));
  account.arrived(0, "00000000 firs");
  CHECK(account.invented() == 2);
  CHECK_FALSE(account.holds());
}
