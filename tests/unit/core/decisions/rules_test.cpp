#include "core/decisions/rules.hpp"

#include <doctest/doctest.h>

using namespace ccp;
using namespace ccp::decisions;
using policy::Verdict;

namespace {

policy::Decision answer(int n, Verdict verdict, bool allow) {
  policy::Decision out;
  out.id = "dec_" + std::to_string(n);
  out.verdict = verdict;
  out.allow = allow;
  return out;
}

/// A chain of `n` records, as the writer makes it.
std::vector<LoggedDecision> chainOf(int n) {
  std::vector<LoggedDecision> out;
  std::string prev;
  for (int i = 1; i <= n; ++i) {
    LoggedDecision d;
    d.id = "dec_" + std::to_string(i);
    d.org = "org_a";
    d.node = "nod_1";
    d.sequence = i;
    d.prev = prev;
    d.digest = prev = digestOf(d);
    out.push_back(std::move(d));
  }
  return out;
}
std::string broken(const std::vector<LoggedDecision>& records, ChainHead head) {
  ChainWalk walk(std::move(head));
  for (const auto& record : records) walk.step(record);
  walk.end();
  return walk.broken();
}

}  // namespace

TEST_CASE("only plain allows are sampled, and always the same ones") {
  int kept = 0;
  for (int i = 0; i < 10'000; ++i) {
    const bool first = sampled(answer(i, Verdict::allow, true), 0.1);
    CHECK(first == sampled(answer(i, Verdict::allow, true), 0.1));
    if (first) CHECK(sampled(answer(i, Verdict::allow, true), 0.5));  // a larger share has the smaller one in it
    kept += first ? 1 : 0;
    if (i >= 200) continue;
    CHECK(sampled(answer(i, Verdict::deny, false), 0));
    CHECK(sampled(answer(i, Verdict::timeout, false), 0));
    CHECK(sampled(answer(i, Verdict::error, true), 0));  // an advisory point that faulted
    auto stale = answer(i, Verdict::allow, true);
    stale.stale = true;
    CHECK(sampled(stale, 0));
    CHECK_FALSE(sampled(answer(i, Verdict::allow, true), 0));
    CHECK(sampled(answer(i, Verdict::allow, true), 1));
  }
  CHECK(kept > 850);
  CHECK(kept < 1150);
}

TEST_CASE("a chain holds, and every change of it shows") {
  const auto good = chainOf(5);
  const ChainHead head{"org_a", "nod_1", 5, good.back().digest, 0};
  CHECK(broken(good, head) == "");

  SUBCASE("a record was changed") {
    auto records = good;
    records[2].reason = "another";
    CHECK(broken(records, head).find("dec_3 is not what was written") != std::string::npos);
  }
  SUBCASE("a record was changed and its digest made to fit") {
    auto records = good;
    records[2].allow = true;
    records[2].digest = digestOf(records[2]);
    CHECK(broken(records, head).find("dec_4 does not follow") != std::string::npos);
  }
  SUBCASE("a record in the middle is gone") {
    auto records = good;
    records.erase(records.begin() + 2);
    CHECK(broken(records, head).find("record 3 is missing") != std::string::npos);
  }
  SUBCASE("the newest is gone") {
    auto records = good;
    records.pop_back();
    CHECK(broken(records, head).find("from 5 to 5 are missing") != std::string::npos);
  }
  SUBCASE("the last one was exchanged as a whole") {
    auto records = good;
    records.back().reason = "another";
    records.back().digest = digestOf(records.back());
    CHECK(broken(records, head).find("not the one that was written last") != std::string::npos);
  }
  SUBCASE("the oldest are gone, without having been due") {
    CHECK(broken({good.begin() + 2, good.end()}, head).find("record 1 is missing") != std::string::npos);
  }
  SUBCASE("the oldest went with their age") {
    auto swept = head;
    swept.swept = 2;
    CHECK(broken({good.begin() + 2, good.end()}, swept) == "");
    swept.swept = 5;
    CHECK(broken({}, swept) == "");
  }
}

TEST_CASE("a record is one line that says what was decided, by whom and on what") {
  LoggedDecision d;
  d.id = "dec_1";
  d.node = "nod_1";
  d.point = policy::Point::model_use;
  d.packs = {{"operator", "default", 0, "ab"}, {"org_a", "default", 3, "cd"}};
  d.outcome = Verdict::deny;
  d.rule = "models.allowed";
  d.fields_read = Json::object({{"/model", "opus"}});
  const Json line = recordJson(d);
  CHECK(line.strOr("point") == "model.use");
  CHECK(line["org"].isNull());
  CHECK(line["packs"].items()[1].intOr("version") == 3);
  CHECK(line["fields_read"].strOr("/model") == "opus");
  CHECK(line.dump().find('\n') == std::string::npos);
  CHECK(line.find("digest") == nullptr);
}
