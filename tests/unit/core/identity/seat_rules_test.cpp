// Handles, who keeps a seat, and who may give which role.
#include "core/identity/seat_rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace ccp;
using namespace ccp::identity;

namespace {

Timestamp at(int day) { return fromMicros(0) + hours(24 * day); }
SeatStanding claimed(const char* id, int day, bool owner = false) { return {id, owner, at(day), at(0)}; }
SeatStanding invited(const char* id, int day) { return {id, false, std::nullopt, at(day)}; }
using Ids = std::set<std::string>;

}  // namespace

TEST_CASE("a GitHub handle is compared in lower case, and what GitHub gives out is accepted") {
  CHECK(*normalizeHandle("octocat") == "octocat");
  CHECK(*normalizeHandle("@OctoCat") == "octocat");
  CHECK(*normalizeHandle("  a-b-c9 ") == "a-b-c9");
  CHECK(*normalizeHandle("monalisa_acme") == "monalisa_acme");
  CHECK(*normalizeHandle(std::string(39, 'a')) == std::string(39, 'a'));
  for (const auto& wrong : {std::string(), std::string("@"), std::string("-a"), std::string("a-"), std::string("a--b"), std::string("a_"), std::string("_a"),
                            std::string("a_b_c"), std::string("a.b"), std::string("a b"), std::string("a\nb"), std::string("a@b.c"), std::string("@@a"),
                            std::string("ä"), std::string(40, 'a'), std::string("a\0b", 3)}) {
    const auto result = normalizeHandle(wrong);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().code == Errc::validation_failed);
  }
}

TEST_CASE("when fewer seats are paid for, owners keep theirs, then who claimed longest ago") {
  const std::vector<SeatStanding> seats{claimed("late", 9), invited("new", 8), claimed("owner", 7, true), claimed("early", 1), claimed("middle", 4),
                                        invited("old", 0)};
  CHECK(seatsOverLimit(seats, 6).empty());
  CHECK(seatsOverLimit(seats, 100).empty());
  CHECK(seatsOverLimit(seats, 5) == Ids{"new"});
  CHECK(seatsOverLimit(seats, 4) == Ids{"new", "old"});
  CHECK(seatsOverLimit(seats, 3) == Ids{"new", "old", "late"});
  CHECK(seatsOverLimit(seats, 1) == Ids{"new", "old", "late", "middle", "early"});
  CHECK(seatsOverLimit(seats, 0).size() == 6);
  CHECK(seatsOverLimit(seats, -5).size() == 6);
  CHECK(seatsOverLimit({}, 3).empty());
}

TEST_CASE("who rests depends on the seats alone, not on their order, and room only ever helps") {
  std::vector<SeatStanding> seats;
  for (int i = 0; i < 40; ++i) {
    SeatStanding seat{"seat_" + std::to_string(i), i % 13 == 0, std::nullopt, at(i % 5)};
    if (i % 3 != 0) seat.claimed_at = at(i % 7);
    seats.push_back(seat);
  }
  std::mt19937 random(7);
  Ids before;
  for (const auto& seat : seats) before.insert(seat.id);
  for (std::int64_t paid = 0; paid <= 41; ++paid) {
    const auto over = seatsOverLimit(seats, paid);
    CHECK(over.size() == static_cast<std::size_t>(std::max<std::int64_t>(0, 40 - paid)));
    CHECK(std::includes(before.begin(), before.end(), over.begin(), over.end()));
    std::shuffle(seats.begin(), seats.end(), random);
    CHECK(seatsOverLimit(seats, paid) == over);
    before = over;
  }
}

TEST_CASE("viewers are free") {
  CHECK_FALSE(takesPaidSeat("viewer"));
  for (const auto* role : {"owner", "admin", "member"}) CHECK(takesPaidSeat(role));
}

TEST_CASE("roles are given by owners and admins; owners by owners; one owner remains") {
  const auto judged = [](const char* actor, const char* from, const char* to, std::int64_t owners = 2) -> std::string {
    const auto status = judgeRoleChange(actor, {from, false, owners}, to);
    return status ? "" : status.error().name();
  };
  CHECK(judged("owner", "member", "owner") == "");
  CHECK(judged("owner", "owner", "member") == "");
  CHECK(judged("owner", "owner", "member", 1) == "last_owner");
  CHECK(judged("owner", "owner", "owner", 1) == "");
  CHECK(judged("admin", "member", "viewer") == "");
  CHECK(judged("admin", "admin", "member") == "");
  CHECK(judged("admin", "member", "owner") == "forbidden");
  CHECK(judged("admin", "owner", "member") == "forbidden");
  CHECK(judged("member", "viewer", "member") == "forbidden");
  CHECK(judged("viewer", "viewer", "admin") == "forbidden");
  CHECK(judged("", "viewer", "admin") == "forbidden");
  CHECK(judged("owner", "member", "king") == "validation_failed");
}

TEST_CASE("people go by themselves, or are removed by those who may; the last owner stays") {
  const auto judged = [](const char* actor, const MemberFacts& member) -> std::string {
    const auto status = judgeRemoval(actor, member);
    return status ? "" : status.error().name();
  };
  CHECK(judged("member", {"member", true, 1}) == "");
  CHECK(judged("viewer", {"viewer", true, 1}) == "");
  CHECK(judged("member", {"member", false, 1}) == "forbidden");
  CHECK(judged("admin", {"admin", false, 1}) == "");
  CHECK(judged("admin", {"owner", false, 2}) == "forbidden");
  CHECK(judged("owner", {"owner", false, 2}) == "");
  CHECK(judged("owner", {"owner", true, 2}) == "");
  CHECK(judged("owner", {"owner", true, 1}) == "last_owner");
}
