#include "core/metering/rules.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::metering;

TEST_CASE("a meter is the sum of its counters, and stops at 2^53") {
  usage::Counters counters;
  counters.requests = 3;
  counters.input_tokens = 100;
  counters.output_tokens = 20;
  CHECK(quantityOf({"tokens", {"input_tokens", "output_tokens"}}, counters) == 120);
  CHECK(quantityOf({"calls", {"requests"}}, counters) == 3);
  counters.input_tokens = counters.output_tokens = std::int64_t{1} << 53;
  CHECK(quantityOf({"tokens", {"input_tokens", "output_tokens"}}, counters) ==
        std::int64_t{1} << 53);
}

TEST_CASE("a report keeps its id and value until it was taken") {
  Hour hour;
  hour.id = "mtr_1";
  CHECK_FALSE(beginReport(hour));  // nothing used, nothing to say
  hour.used = 10;
  REQUIRE(beginReport(hour));
  CHECK(reportId(hour) == "mtr_1:1");
  hour.used = 15;  // corrected while the report is on its way
  REQUIRE(beginReport(hour));
  CHECK(*hour.sending == 10);
  CHECK(reportId(hour) == "mtr_1:1");
  taken(hour);
  CHECK(hour.reported == 10);
  REQUIRE(beginReport(hour));
  CHECK(*hour.sending == 15);
  CHECK(reportId(hour) == "mtr_1:2");
  CHECK(reportTime(hour) == hour.hour_at + seconds(2));
  taken(hour);
  CHECK_FALSE(beginReport(hour));
  hour.used = 4;  // less than before: the change is negative
  REQUIRE(beginReport(hour));
  CHECK(*hour.sending - hour.reported == -11);
}

TEST_CASE("tries are spaced, an hour at most") {
  CHECK(backoff(0) == seconds(10));
  CHECK(backoff(1) == seconds(20));
  CHECK(backoff(100) == hours(1));
}
