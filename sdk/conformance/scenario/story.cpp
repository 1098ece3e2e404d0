#include "sdk/conformance/scenario/story.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <initializer_list>
#include <set>

#include "sdk/conformance/subject.hpp"

namespace ccp::embedded {
std::string_view billingStories(std::string_view name);
const std::vector<std::string_view>& billingStories_names();
}  // namespace ccp::embedded

namespace ccp::kit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFile = std::size_t{16} << 20;
constexpr JsonLimits kLimits{kMaxFile, 64};

/// What the actions of the README take besides "action".
const std::map<std::string, std::set<std::string>, std::less<>>& actions() {
  static const std::map<std::string, std::set<std::string>, std::less<>> all = {
      {"purchase", {"price", "quantity", "trial_days"}}, {"checkout_abandoned", {"price", "quantity"}},
      {"trial_ends", {"payment"}},                       {"renew", {}},
      {"renewal_fails", {}},                             {"pay", {}},
      {"dunning_ends", {}},                              {"set_quantity", {"quantity", "proration"}},
      {"change_price", {"price", "quantity", "proration"}}, {"cancel_at_period_end", {}},
      {"uncancel", {}},                                  {"cancel_now", {}},
      {"period_ends", {}},                               {"pause", {}},
      {"resume", {}},                                    {"refund_partial", {"amount_minor", "currency"}},
      {"refund_full", {}},                               {"dispute_open", {}},
      {"dispute_won", {}},                               {"dispute_lost", {}},
      {"delete_customer", {}},                           {"change_email", {"email"}},
      {"wait", {}}};
  return all;
}

tl::unexpected<Error> wrong(const std::string& at, const std::string& what) {
  return fail(Errc::validation_failed, at + " " + what);
}

Status checkMembers(const Json& object, const std::string& at, std::initializer_list<std::string_view> known) {
  if (!object.isObject()) return wrong(at, "is no object");
  for (const auto& member : object.members()) {
    if (std::find(known.begin(), known.end(), member.first) == known.end()) return wrong(at, "has the unknown member \"" + member.first + "\"");
  }
  return {};
}

Result<std::string> text(const Json& object, const std::string& key, const std::string& at) {
  const auto* found = object[key].asString();
  if (!found) return wrong(at, "needs the text \"" + key + "\"");
  return *found;
}

Result<Expectation> readExpectation(const Json& json, const std::string& at, Timestamp start) {
  CCP_CHECK_OK(checkMembers(json, at, {"state", "plan", "seats", "reason", "ends_at", "alerts"}));
  Expectation out;
  out.state = json.optStr("state");
  out.plan = json.optStr("plan");
  out.reason = json.optStr("reason");
  out.seats = json.optInt("seats");
  if (const auto ends = json.optStr("ends_at")) {
    CCP_TRY(out.ends_at, timeAfter(start, *ends));
  }
  for (const auto& alert : json["alerts"].items()) {
    if (!alert.isString()) return wrong(at, "has an alert that is no text");
    out.alerts.push_back(*alert.asString());
  }
  return out;
}

Result<StoryStep> readStep(const Json& json, const std::string& at, Timestamp start) {
  CCP_CHECK_OK(checkMembers(json, at, {"id", "at", "do", "expect"}));
  StoryStep out;
  CCP_TRY(out.id, text(json, "id", at));
  CCP_TRY(const std::string when, text(json, "at", at));
  CCP_TRY(out.at, timeAfter(start, when));
  CCP_TRY(out.action, text(json["do"], "action", at + "/do"));
  const auto action = actions().find(out.action);
  if (action == actions().end()) return wrong(at + "/do", "has the unknown action \"" + out.action + "\"");
  for (const auto& member : json["do"].members()) {
    if (member.first != "action" && action->second.count(member.first) == 0) return wrong(at + "/do", out.action + " takes no \"" + member.first + "\"");
  }
  const Json& expect = json["expect"];
  if (expect.isArray()) {
    for (const auto& item : expect.items()) {
      CCP_TRY(auto one, readExpectation(item, at + "/expect", start));
      out.expect.push_back(std::move(one));
    }
  } else if (!expect.isNull()) {
    CCP_TRY(auto one, readExpectation(expect, at + "/expect", start));
    out.expect.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> readHeaders(const Json& json, const std::string& at) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, value] : json.members()) {
    if (!value.isString()) return wrong(at, "has a header that is no text");
    out.emplace_back(name, *value.asString());
  }
  return out;
}

Result<std::string> bodyOf(const Json& json, const std::string& at) {
  if (const auto* exact = json["text"].asString()) return *exact;
  const Json* body = json.find("body");
  if (!body) return wrong(at, "needs \"body\" or \"text\"");
  return body->dump();
}

Result<RecordedAnswer> readAnswer(const Json& json, const std::string& at) {
  CCP_CHECK_OK(checkMembers(json, at, {"method", "path", "query", "status", "headers", "body", "text", "gone"}));
  RecordedAnswer out;
  CCP_TRY(out.method, text(json, "method", at));
  CCP_TRY(out.path, text(json, "path", at));
  for (const auto& [name, value] : json["query"].members()) {
    const Json list = value.isArray() ? value : Json::array({value});
    for (const auto& item : list.items()) out.query.emplace(name, item.isString() ? *item.asString() : item.dump());
  }
  out.gone = json.boolOr("gone");
  if (out.gone) return out;
  out.status = static_cast<int>(json.intOr("status", 200));
  CCP_TRY(out.headers, readHeaders(json["headers"], at));
  if (json.find("body") || json.find("text")) {
    CCP_TRY(out.body, bodyOf(json, at));
  }
  return out;
}

Result<StepRecord> readRecord(const Json& json, const std::string& at, std::set<std::string>& ids) {
  CCP_CHECK_OK(checkMembers(json, at, {"deliveries", "api"}));
  StepRecord out;
  for (std::size_t i = 0; i < json["deliveries"].size(); ++i) {
    const Json& item = json["deliveries"].items()[i];
    const std::string here = at + "/deliveries/" + std::to_string(i);
    CCP_CHECK_OK(checkMembers(item, here, {"id", "body", "text", "headers"}));
    RecordedDelivery delivery;
    CCP_TRY(delivery.id, text(item, "id", here));
    if (!ids.insert(delivery.id).second) return wrong(here, "has the id \"" + delivery.id + "\" of an earlier delivery");
    CCP_TRY(delivery.body, bodyOf(item, here));
    CCP_TRY(delivery.headers, readHeaders(item["headers"], here));
    out.deliveries.push_back(std::move(delivery));
  }
  for (std::size_t i = 0; i < json["api"].size(); ++i) {
    CCP_TRY(auto answer, readAnswer(json["api"].items()[i], at + "/api/" + std::to_string(i)));
    out.api.push_back(std::move(answer));
  }
  return out;
}

Status readFixture(const Json& json, Scenario& out) {
  CCP_CHECK_OK(checkMembers(json, "", {"title", "story", "unsupported", "steps"}));
  out.unsupported = json.strOr("unsupported");
  if (!out.unsupported.empty()) return {};
  std::set<std::string> known, ids;
  for (const auto& step : out.story.steps) {
    known.insert(step.id);
    const Json* record = json["steps"].find(step.id);
    if (!record) return wrong("/steps", "lacks the step \"" + step.id + "\"");
    CCP_TRY(auto read, readRecord(*record, "/steps/" + step.id, ids));
    out.records.push_back(std::move(read));
  }
  for (const auto& member : json["steps"].members()) {
    if (known.count(member.first) == 0) return wrong("/steps", "has the step \"" + member.first + "\", which the story does not have");
  }
  return {};
}

Scenario scenarioOf(const std::string& folder, const std::string& name) {
  Scenario out;
  out.story.name = name;
  const auto complain = [&](const Error& error) {
    out.problem = error.detail;
    return out;
  };
  const auto file = readWholeFile(folder + "/" + name + ".json", kMaxFile);
  if (!file) {
    out.problem = "there is no fixture " + name + ".json; bring one, or {\"unsupported\": \"why\"}";
    return out;
  }
  const auto json = parseJson(*file, kLimits);
  if (!json) return complain(json.error());
  const std::string_view own = embedded::billingStories(name + ".json");
  const auto told = own.empty() ? Result<Json>((*json)["story"]) : parseJson(own);
  if (!told) return complain(told.error());
  if (told->isNull()) {
    out.problem = "no story of the kit is called " + name + ", and the file has no \"story\"";
    return out;
  }
  auto story = readStory(name, *told);
  if (!story) return complain(story.error());
  out.story = std::move(*story);
  if (const auto read = readFixture(*json, out); !read) return complain(read.error());
  return out;
}

}  // namespace

std::string Expectation::text() const {
  std::string out;
  const auto add = [&](const std::string& word) { out += (out.empty() ? "" : ", ") + word; };
  if (state) add(*state + (reason ? " (reason \"" + *reason + "\")" : ""));
  else if (reason) add("reason \"" + *reason + "\"");
  if (plan) add("plan " + *plan);
  if (seats) add(std::to_string(*seats) + " seats");
  if (ends_at) add("ending about " + formatRfc3339(*ends_at));
  for (const auto& alert : alerts) add("alert " + alert);
  return out;
}

Result<Timestamp> timeAfter(Timestamp start, std::string_view text) {
  const std::string_view whole = text;
  Duration sum{};
  bool any = false;
  for (const auto& [unit, length] : {std::pair{'d', Duration(hours(24))}, {'h', Duration(hours(1))}}) {
    int number = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
    if (end.ec != std::errc() || number < 0 || number > 100000 || end.ptr == text.data() + text.size() || *end.ptr != unit) continue;
    sum += length * number;
    any = true;
    text.remove_prefix(static_cast<std::size_t>(end.ptr - text.data()) + 1);
  }
  if (!any || !text.empty()) return wrong("\"" + std::string(whole) + "\"", "is no time like 14d, 12h or 38d12h");
  return start + sum;
}

Result<Story> readStory(const std::string& name, const Json& json) {
  CCP_CHECK_OK(checkMembers(json, "story", {"title", "settings", "start", "steps"}));
  Story out;
  out.name = name;
  CCP_TRY(out.title, text(json, "title", "story"));
  CCP_CHECK_OK(checkMembers(json["settings"], "story/settings", {"grace_days", "on_dispute"}));
  out.grace_days = static_cast<int>(json["settings"].intOr("grace_days", 7));
  out.on_dispute = json["settings"].strOr("on_dispute", "keep");
  if (out.on_dispute != "keep" && out.on_dispute != "suspend") return wrong("story/settings/on_dispute", "is keep or suspend");
  CCP_TRY(const std::string start, text(json, "start", "story"));
  CCP_TRY(out.start, parseRfc3339(start));
  std::set<std::string> ids;
  for (std::size_t i = 0; i < json["steps"].size(); ++i) {
    const std::string at = "story/steps/" + std::to_string(i);
    CCP_TRY(auto step, readStep(json["steps"].items()[i], at, out.start));
    if (!ids.insert(step.id).second) return wrong(at, "has the id of an earlier step");
    if (!out.steps.empty() && step.at <= out.steps.back().at) return wrong(at, "is not later than the step before");
    out.steps.push_back(std::move(step));
  }
  if (out.steps.empty()) return wrong("story", "has no steps");
  return out;
}

Result<ProviderCard> readProviderCard(const Json& json) {
  CCP_CHECK_OK(checkMembers(json, "", {"customer_id", "catalog", "signing"}));
  ProviderCard out;
  CCP_TRY(out.customer_id, text(json, "customer_id", "/"));
  for (const auto& [price, ids] : json["catalog"].members()) {
    CCP_CHECK_OK(checkMembers(ids, "/catalog/" + price, {"product_id", "price_id"}));
    out.catalog[price] = {ids.strOr("product_id"), ids.strOr("price_id")};
  }
  for (const char* price : {"solo-month", "solo-full-month", "team-month"}) {
    if (out.catalog.count(price) == 0) return wrong("/catalog", std::string("lacks ") + price);
  }
  const Json& signing = json["signing"];
  CCP_CHECK_OK(checkMembers(signing, "/signing", {"secret", "key", "key_prefix", "signed", "headers"}));
  CCP_TRY(out.secret, text(signing, "secret", "/signing"));
  out.key = signing.strOr("key", "utf8");
  if (out.key != "utf8" && out.key != "base64") return wrong("/signing/key", "is utf8 or base64");
  out.key_prefix = signing.strOr("key_prefix");
  CCP_TRY(out.signed_text, text(signing, "signed", "/signing"));
  CCP_TRY(out.headers, readHeaders(signing["headers"], "/signing/headers"));
  if (out.headers.empty()) return wrong("/signing", "needs \"headers\"");
  return out;
}

std::vector<std::string> storyNames() {
  std::vector<std::string> out;
  for (const auto name : embedded::billingStories_names()) out.push_back(fs::path(name).stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<Scenario> scenariosIn(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& name : storyNames()) names.insert(name);
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() == ".json" && entry.path().filename() != "provider.json") names.insert(entry.path().stem().string());
  }
  std::vector<Scenario> out;
  for (const auto& name : names) out.push_back(scenarioOf(folder, name));
  return out;
}

}  // namespace ccp::kit
