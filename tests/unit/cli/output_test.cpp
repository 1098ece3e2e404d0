// Tables, numbers, times, time zones, exit codes.
#include <doctest/doctest.h>

#include "cli/support/failure.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "cli/support/time_zone.hpp"
#include "tests/unit/cli/support.hpp"

namespace ccp::cli {

TEST_CASE("numbers have thousands separators") {
  CHECK(withThousands(0) == "0");
  CHECK(withThousands(999) == "999");
  CHECK(withThousands(1000) == "1,000");
  CHECK(withThousands(1234567) == "1,234,567");
  CHECK(withThousands(-1000) == "-1,000");
}

TEST_CASE("a cost is rounded to cents, and unknown is not zero") {
  CHECK(costText(std::nullopt) == "–");
  CHECK(costText(0) == "$0.00");
  CHECK(costText(1'294'999) == "$1.29");
  CHECK(costText(1'295'000) == "$1.30");
  CHECK(costText(1'234'000'000) == "$1,234.00");
}

TEST_CASE("columns are aligned by what is seen, without trailing spaces") {
  TextTable table({{"Model", Align::left}, {"Tokens", Align::right}});
  table.row({"käse", "1,000"});
  table.row({"b", "7"});
  table.total({"Total", "1,007"});
  CHECK(table.text() ==
        "Model  Tokens\n"
        "─────────────\n"
        "käse    1,000\n"
        "b           7\n"
        "─────────────\n"
        "Total   1,007\n");
}

TEST_CASE("CSV fields are quoted, and no spreadsheet runs them") {
  CHECK(csvField("plain") == "plain");
  CHECK(csvField("a,b") == "\"a,b\"");
  CHECK(csvField("say \"x\"") == "\"say \"\"x\"\"\"");
  CHECK(csvField("=1+1") == "'=1+1");
}

TEST_CASE("text from outside cannot steer the terminal") {
  CHECK(printable("a\033[31mb\nc\x7f") == "a?[31mb?c?");
}

TEST_CASE("days are cut in the zone that was named") {
  const test::Variable tz("TZ", "UTC0");
  const auto t = parseRfc3339("2026-03-29T00:30:00Z").value();
  struct Case {
    const char* zone;
    const char* day;
  };
  for (const auto& [bound_zone, day] :
       {Case{"UTC", "2026-03-29"}, Case{"Europe/Berlin", "2026-03-29"},
        Case{"America/New_York", "2026-03-28"}, Case{"Asia/Kathmandu", "2026-03-29"}}) {
    const auto& zone = bound_zone;  // clang 14 cannot capture a structured binding
    const auto named = TimeZone::named(zone);
    CAPTURE(zone);
    REQUIRE(named.has_value());
    CHECK(named->dayOf(t) == day);
  }
  for (const char* zone : {"Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "Europe"}) {
    CAPTURE(zone);
    const auto named = TimeZone::named(zone);
    REQUIRE_FALSE(named.has_value());
    CHECK(named.error().code == Errc::usage_error);
  }
}

TEST_CASE("a day begins where its zone says, also when the clock changes") {
  const test::Variable tz("TZ", "UTC0");
  const auto berlin = TimeZone::named("Europe/Berlin").value();
  CHECK(formatRfc3339(berlin.startOfDay("2026-03-29").value()) == "2026-03-28T23:00:00Z");
  CHECK(formatRfc3339(berlin.startOfDay("2026-03-30").value()) == "2026-03-29T22:00:00Z");
  CHECK_FALSE(berlin.startOfDay("2026-02-30").has_value());
}

TEST_CASE("--since takes a day in several forms") {
  const test::Variable tz("TZ", "UTC0");
  const auto utc = TimeZone::named("UTC").value();
  const auto now = parseRfc3339("2026-11-21T05:00:00Z").value();
  CHECK(parseDayOption("2026-11-01", utc, now).value() == "2026-11-01");
  CHECK(parseDayOption("20261101", utc, now).value() == "2026-11-01");
  CHECK(parseDayOption("today", utc, now).value() == "2026-11-21");
  CHECK(parseDayOption("7d", utc, now).value() == "2026-11-14");
  for (const char* bad : {"", "d", "yesterday", "2026-13-01", "2026-1-1", "-7d", "99999d"}) {
    CAPTURE(bad);
    CHECK_FALSE(parseDayOption(bad, utc, now).has_value());
  }
}

TEST_CASE("every error has the exit code that product.md promises") {
  struct Case {
    Errc code;
    int exit;
  };
  const Case cases[] = {
      {Errc::usage_error, 2},      {Errc::pack_invalid, 3},      {Errc::signature_invalid, 3},
      {Errc::key_unknown, 3},      {Errc::unreachable, 4},       {Errc::unavailable, 4},
      {Errc::rate_limited, 4},     {Errc::deadline_exceeded, 4}, {Errc::pack_expired, 5},
      {Errc::license_inactive, 5}, {Errc::not_logged_in, 6},     {Errc::token_revoked, 6},
      {Errc::unauthenticated, 6},  {Errc::plan_required, 7},     {Errc::forbidden, 7},
      {Errc::seat_required, 7},    {Errc::device_limit, 7},      {Errc::not_found, 1},
      {Errc::io_error, 1},         {Errc::conflict, 1}};
  for (const auto& [bound_code, exit] : cases) {
    const auto& code = bound_code;  // clang 14 cannot capture a structured binding
    CAPTURE(info(code).name);
    CHECK(Failure(Error{code, "x"}).exit == exit);
  }
  // A code of a newer server: the HTTP status decides.
  CHECK(exitCodeFor("of_tomorrow", 401) == 6);
  CHECK(exitCodeFor("of_tomorrow", 402) == 7);
  CHECK(exitCodeFor("of_tomorrow", 503) == 4);
  CHECK(exitCodeFor("of_tomorrow", 418) == 1);
}

TEST_CASE("a failure as JSON has code, detail, next step and request id") {
  const auto json = Failure(Errc::not_logged_in, "Nobody is logged in.").json();
  CHECK(json["error"].strOr("code") == "not_logged_in");
  CHECK(json["error"].strOr("detail") == "Nobody is logged in.");
  CHECK(json["error"].strOr("next_step").find("ccp login") != std::string::npos);
  CHECK(json["error"].find("request_id") != nullptr);
}

}  // namespace ccp::cli
