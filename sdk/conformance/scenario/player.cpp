#include "sdk/conformance/scenario/player.hpp"

#include <algorithm>

#include "ccp/abi/all.h"
#include "core/base/encoding.hpp"
#include "core/crypto/hmac.hpp"
#include "core/plugin/facades/billing_json.hpp"
#include "sdk/conformance/fixtures.hpp"

namespace ccp::kit {
namespace {

constexpr Duration kArrival = seconds(60);   ///< after the step's time, when its events are sent
constexpr Duration kLook = minutes(5);       ///< after the step's time, when the license is looked at
constexpr Duration kEndTolerance = hours(36);
constexpr int kMaxPages = 50;
constexpr JsonLimits kAnswer{std::size_t{64} << 20, 64};

std::string filled(std::string text, const std::vector<std::pair<std::string, std::string>>& values) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto hit = std::find_if(values.begin(), values.end(), [&](const auto& v) { return text.compare(at, v.first.size(), v.first) == 0; });
    if (hit == values.end()) out += text[at++];
    else {
      out += hit->second;
      at += hit->first.size();
    }
  }
  return out;
}

/// Empty when the decision is what the story expects.
std::string differs(const Expectation& want, const licensing::Decision& got, const std::vector<std::string>& alerts) {
  if (want.state && *want.state != licensing::toString(got.state)) return "state";
  if (want.reason && *want.reason != got.reason) return "reason";
  if (want.plan && *want.plan != got.plan) return "plan";
  if (want.seats && *want.seats != got.seats) return "seats";
  if (want.ends_at) {
    if (!got.ends_at) return "ends_at";
    const Duration apart = *want.ends_at > *got.ends_at ? *want.ends_at - *got.ends_at : *got.ends_at - *want.ends_at;
    if (apart > kEndTolerance) return "ends_at";
  }
  for (const auto& alert : want.alerts) {
    if (std::find(alerts.begin(), alerts.end(), alert) == alerts.end()) return "alerts";
  }
  return {};
}

}  // namespace

Player::Player(Context& t, KitHost& host, Unit& unit, const ProviderCard& card, const Scenario& scenario)
    : t_(t), host_(host), unit_(unit), card_(card), scenario_(scenario), api_(scenario) {
  host_.on_http = [this](const HttpAsk& asked) { return api_.answer(asked); };
  if (const auto secret = t.subject.secrets.find(card.secret); secret != t.subject.secrets.end()) {
    std::string_view text = secret->second;
    if (card.key == "base64") {
      if (text.starts_with(card.key_prefix)) text.remove_prefix(card.key_prefix.size());
      key_ = base64Decode(text).value_or(Bytes());
    } else {
      key_.assign(text.begin(), text.end());
    }
  }
  if (key_.empty()) t.fail("secrets.json has no value for " + card.secret + " that is " + card.key, "the test value of the secret that signs webhooks", "Put one into conformance/secrets.json.");
  for (std::size_t i = 0; i < scenario.records.size(); ++i) {
    int nth = 0;
    for (const auto& delivery : scenario.records[i].deliveries) sent_.push_back({&delivery, i, scenario.story.steps[i].at + kArrival + seconds(nth++), false});
  }
  lists_events_ = t.plugin() && t.plugin()->implements(CCP_BILLING_ID, "list_events");  // or answers UNIMPLEMENTED
}

Timestamp Player::end() const { return scenario_.story.steps.back().at + kLook; }

void Player::clock(Timestamp now) {
  now_ = now;
  host_.fixed_wall_us = toMicros(now);
}

void Player::moveApi(Timestamp now) {
  std::size_t step = 0;
  for (std::size_t i = 0; i < scenario_.story.steps.size(); ++i) {
    if (scenario_.story.steps[i].at <= now) step = i;
  }
  api_.moveTo(step);
}

std::string Player::where() const {
  std::string out = scenario_.story.name;
  if (!step_.empty()) out += ", step \"" + step_ + "\"";
  return out + " (" + formatRfc3339(now_) + ")";
}

Json Player::request(const RecordedDelivery& delivery, Timestamp now, bool forged) const {
  std::vector<std::pair<std::string, std::string>> values = {{"{unix}", std::to_string(toUnixSeconds(now))}, {"{id}", delivery.id}};
  auto signed_values = values;
  signed_values.emplace_back("{body}", forged ? delivery.body + " " : delivery.body);
  const auto mac = crypto::hmacSha256(key_, bytesOf(filled(card_.signed_text, signed_values)));
  values.emplace_back("{hex}", hexEncode(mac));
  values.emplace_back("{base64}", base64Encode(mac));
  Json headers = Json::array({Json::array({"content-type", "application/json"})});
  for (const auto* list : {&card_.headers, &delivery.headers}) {
    for (const auto& [name, value] : *list) headers.push(Json::array({name, filled(value, values)}));
  }
  return Json::object({{"headers", std::move(headers)}, {"body", base64UrlEncode(bytesOf(delivery.body))}});
}

std::optional<Json> Player::ask(const char* op, const Json& in, bool* missing) {
  const Outcome answer = unit_.op(CCP_BILLING_ID, op, in.dump());
  const std::string what = where() + ": " + op;
  if (missing && answer.lost.empty() && (answer.rc == CCP_RC_NOT_FOUND || answer.rc == CCP_RC_UNIMPLEMENTED)) {
    *missing = true;
    return std::nullopt;
  }
  if (check_schemas && !t_.checkResult({CCP_BILLING_ID, op, true}, answer, "in " + where())) return std::nullopt;
  auto value = answer.ok() ? parseJson(answer.out, kAnswer) : Result<Json>(ccp::fail(Errc::provider_error));
  if (value) return std::move(*value);
  std::string found = what + " answered " + answer.text();
  for (const auto& line : api_.unanswered()) found += "; the fixture has no answer to " + line;
  t_.fail(found, "OK", "Correct the plugin, or record the fixture again.");
  return std::nullopt;
}

bool Player::takeAll(Books& books, const Json& events, Timestamp now, std::size_t sent) {
  const auto parsed = plugin::billingEventsFrom(events);
  if (!parsed) {
    t_.fail(where() + ": " + parsed.error().detail, "events that the host can read", "See sdk/schemas/ccp.billing/parse_webhook.out.json.");
    return false;
  }
  for (const auto& event : *parsed) {
    if (billing::actionFor(event) == billing::EventAction::fetch_object) {
      step("fetch_event of " + event.type);
      const auto fetched = ask("fetch_event", event.fetch);
      if (!fetched || !takeAll(books, *fetched, now, sent)) return false;
      continue;
    }
    if (sent < sent_.size() && billing::markOf(event) != billing::MarkKind::none) sent_[sent].marks = true;
    trace_.push_back(event.event_id + " " + event.type + ": " + books.take(event, now));
  }
  return true;
}

bool Player::sameAsTold(const Json& facts, const Json& events) {
  const auto& list = events["events"].items();
  const std::string id = facts.strOr("event_id"), type = facts.strOr("type");
  if (id.empty() && type.empty()) return true;
  if (list.size() == 1 && list[0].strOr("event_id") == id && list[0].strOr("type") == type) return true;
  t_.fail(where() + ": verify_webhook told of event \"" + id + "\" of type \"" + type + "\", parse_webhook of " +
              (list.size() == 1 ? "\"" + list[0].strOr("event_id") + "\" of type \"" + list[0].strOr("type") + "\"" : std::to_string(list.size()) + " events"),
          "the id and type of the one event from both, or neither from verify_webhook", "See sdk/schemas/ccp.billing/verify_webhook.out.json.");
  return false;
}

bool Player::deliver(Books& books, std::size_t sent, Timestamp now) {
  const RecordedDelivery& delivery = *sent_[sent].delivery;
  clock(now);
  auto& events = parsed_[sent];
  if (!events) {
    const Json in = request(delivery, now, false);
    step("verify_webhook of " + delivery.id);
    const auto facts = ask("verify_webhook", in);
    if (!facts) return false;
    step("parse_webhook of " + delivery.id);
    events = ask("parse_webhook", in);
    if (events && !sameAsTold(*facts, *events)) return false;
  }
  if (!events) return false;
  // One event is known by its id; several, or none, by the delivery: as the inbox does.
  const auto& list = (*events)["events"].items();
  if (!seen_.insert(list.size() == 1 ? list[0].strOr("event_id") : delivery.body).second) return true;
  return takeAll(books, *events, now, sent);
}

bool Player::settleDoubts(Books& books, Timestamp now) {
  clock(now);
  for (const auto& [id, doubts] : books.doubted()) {
    step("get_subscription " + id);
    bool missing = false;
    const auto answer = ask("get_subscription", Json::object({{"subscription_id", id}}), &missing);
    if (missing) {
      trace_.push_back("get_subscription " + id + ": not found");
      books.missing(id, doubts, now);
      continue;
    }
    if (!answer) return false;
    const auto snapshot = plugin::SubscriptionSnapshot::from(*answer);
    if (!snapshot) {
      t_.fail(where() + ": get_subscription: " + snapshot.error().detail, "a whole subscription", "See sdk/schemas/ccp.billing/get_subscription.out.json.");
      return false;
    }
    trace_.push_back("get_subscription " + id + ": " + plugin::toString(snapshot->status));
    books.answer(*snapshot, now, doubts, now);
  }
  return true;
}

bool Player::list(Books& books, Timestamp now) {
  clock(now);
  std::set<std::string> listed;
  std::string cursor;
  for (int page = 0; page < kMaxPages; ++page) {
    step("list_subscriptions");
    Json in = Json::object({{"customer_id", card_.customer_id}});
    if (!cursor.empty()) in.set("cursor", cursor);
    bool missing = false;
    const auto answer = ask("list_subscriptions", in, &missing);
    if (missing) break;  // the customer is gone, and its subscriptions with it
    if (!answer) return false;
    for (const auto& item : (*answer)["items"].items()) {
      const auto snapshot = plugin::SubscriptionSnapshot::from(item);
      if (!snapshot) {
        t_.fail(where() + ": list_subscriptions: " + snapshot.error().detail, "whole subscriptions", "See sdk/schemas/ccp.billing/list_subscriptions.out.json.");
        return false;
      }
      listed.insert(snapshot->id);
      books.answer(*snapshot, now, books.doubtsOf(snapshot->id), now);
      trace_.push_back("list_subscriptions: " + snapshot->id + " " + plugin::toString(snapshot->status));
    }
    cursor = answer->strOr("next_cursor");
    if (cursor.empty()) break;
  }
  books.listed(listed, now);
  return true;
}

bool Player::reconcile(Books& books, Timestamp& now) {
  clock(now);
  std::string cursor;
  for (int page = 0; lists_events_ && page < kMaxPages; ++page) {
    step("list_events");
    Json in = Json::object({{"since", formatRfc3339(scenario_.story.start)}, {"kinds", Json::array({"refund", "dispute"})}});
    if (!cursor.empty()) in.set("cursor", cursor);
    bool missing = false;
    const auto answer = ask("list_events", in, &missing);
    lists_events_ = !missing;
    if (missing) break;
    if (!answer) return false;
    for (const auto& event : (*answer)["events"].items()) {
      // A list is read for what no snapshot repeats; an old photograph in it says nothing.
      const std::string kind = event.strOr("kind");
      if (kind != "refund" && kind != "dispute" && kind != "fetch") continue;
      if (!seen_.insert(event.strOr("event_id")).second) continue;
      if (!takeAll(books, Json::object({{"events", Json::array({event})}}), now, sent_.size())) return false;
    }
    cursor = answer->strOr("next_cursor");
    if (cursor.empty()) break;
  }
  if (!list(books, now)) return false;
  if (!settleDoubts(books, now)) return false;
  if (books.doubted().empty()) return true;
  // What is missing is asked for again, and believed.
  now += billing::kMissingConfirmed + minutes(1);
  return settleDoubts(books, now);
}

bool Player::timeline(Books& books, bool tell) {
  seen_.clear();
  parsed_.clear();
  std::size_t next = 0;
  for (std::size_t i = 0; i < scenario_.story.steps.size(); ++i) {
    const StoryStep& step = scenario_.story.steps[i];
    step_ = step.id;
    trace_.clear();
    api_.moveTo(i);
    Timestamp now = step.at + kArrival;
    for (; next < sent_.size() && sent_[next].step == i; ++next) {
      now = sent_[next].at;
      if (!deliver(books, next, now)) return false;
    }
    if (!settleDoubts(books, now + seconds(2))) return false;
    if (books.takeRecheck() && (!list(books, now + seconds(17)) || !settleDoubts(books, now + seconds(19)))) return false;
    clock(step.at + kLook);
    const auto decision = books.decide(now_);
    const auto alerts = books.takeAlerts();
    if (step.expect.empty()) continue;
    std::string wanted;
    bool met = false;
    for (const auto& each : step.expect) {
      met = met || differs(each, decision, alerts).empty();
      wanted += (wanted.empty() ? "" : "; or ") + each.text();
    }
    if (met) continue;
    std::string found = where() + ": after " + step.action + " the license is " + textOf(decision);
    for (const auto& alert : alerts) found += ", alert " + alert;
    found += trace_.empty() ? ". Nothing was sent" : ". What was sent: ";
    for (const auto& line : trace_) found += (&line == &trace_.front() ? "" : "; ") + line;
    if (!tell) return false;
    t_.fail(found, wanted, "Correct the mapping of the plugin, or record the fixture again (" + std::string("conformance/scenarios/") + scenario_.story.name + ".json).");
    return false;
  }
  step_.clear();
  for (const auto& line : books.strangers()) {
    if (tell) t_.fail(scenario_.story.name + ": " + line, "events of the customer " + card_.customer_id + " that name it, or a known subscription", "A server parks such an event and alerts the operator.");
  }
  return books.strangers().empty();
}

void Player::forged() {
  step_.clear();
  for (const auto& sent : sent_) {
    clock(sent.at);
    step("verify_webhook of a forged " + sent.delivery->id);
    const Outcome answer = unit_.op(CCP_BILLING_ID, "verify_webhook", request(*sent.delivery, sent.at, true).dump());
    if (answer.lost.empty() && answer.rc == CCP_RC_UNAUTHENTICATED) continue;
    t_.fail(where() + ": verify_webhook of " + sent.delivery->id + " with the signature of another body answered " + answer.text(), "UNAUTHENTICATED", "Verify the MAC over the bytes of the body as they came.");
    return;
  }
}

}  // namespace ccp::kit
