#include "api.hpp"

#include <stdexcept>

#include "pages.hpp"

namespace sandbox {
namespace {

constexpr int kMaxDepth = 32;

Response html(int status, std::string body) {
  return {status, "text/html; charset=utf-8", std::move(body)};
}
Response ok(const json& body, int status = 200) {
  return {status, "application/json", body.dump()};
}

Response failure(const ApiError& error) {
  json detail = {{"code", error.code}, {"message", error.message}};
  if (!error.field.empty()) detail["field"] = error.field;
  return ok({{"error", detail}}, error.status);
}

std::vector<std::string> segments(const std::string& path) {
  std::vector<std::string> out;
  std::size_t start = 1;
  while (start <= path.size()) {
    const auto end = std::min(path.find('/', start), path.size());
    if (end > start) out.push_back(urlDecode(path.substr(start, end - start)));
    start = end + 1;
  }
  return out;
}

json parseBody(const Request& request) {
  if (request.body.empty()) return json::object();
  bool too_deep = false;
  const json body = json::parse(
      request.body,
      [&too_deep](int depth, json::parse_event_t, json&) {
        too_deep = too_deep || depth > kMaxDepth;
        return !too_deep;
      },
      false);
  if (too_deep || !body.is_object())
    throw ApiError{400, "bad_json", "the body must be a JSON object"};
  return body;
}

std::string withCheckoutId(std::string url, const std::string& id) {
  constexpr std::string_view kMark = "{CHECKOUT_ID}";
  for (auto at = url.find(kMark); at != std::string::npos; at = url.find(kMark, at + id.size()))
    url.replace(at, kMark.size(), id);
  return url;
}

[[noreturn]] void noRoute(const Request& request) {
  throw ApiError{404, "not_found", "there is no " + request.method + " " + request.path};
}

}  // namespace

Response Api::handle(const Request& request) noexcept {
  try {
    return route(request);
  } catch (const ApiError& error) {
    const bool person =
        request.path.rfind("/checkout/", 0) == 0 || request.path.rfind("/portal/", 0) == 0;
    return person ? html(error.status, messagePage("Not found", error.message)) : failure(error);
  } catch (const json::exception& error) {
    return failure({422, "wrong_type", error.what()});
  } catch (const std::exception& error) {
    return failure({500, "internal", error.what()});
  } catch (...) {
    return failure({500, "internal", "unknown failure"});
  }
}

Response Api::route(const Request& request) {
  const auto path = segments(request.path);
  if (path.empty())
    return html(200, messagePage("Sandbox payment provider",
                                 "A payment provider for tests and demonstrations."));
  if (path[0] == "healthz") return ok({{"status", "ok"}});
  if (path[0] == "checkout" && path.size() == 2) return checkoutPages(request, path[1]);
  if (path[0] == "portal" && path.size() == 2) return portalPages(request, path[1]);
  if (path[0] != "v1" && path[0] != "test") noRoute(request);
  if (!equalConstantTime(request.header("authorization"), "Bearer " + api_key_)) {
    throw ApiError{401, "unauthenticated", "send Authorization: Bearer with the API key"};
  }
  if (path[0] == "test") return test(request, path);
  const std::string key = request.header("idempotency-key");
  if (key.empty() || request.method == "GET") return v1(request, path);
  if (key.size() > 255)
    throw ApiError{422, "too_long", "Idempotency-Key is too long", "Idempotency-Key"};
  const std::string fingerprint =
      sha256Hex(request.method + "\n" + request.path + "\n" + request.body);
  if (auto earlier = ledger_.replay(key, fingerprint)) return *earlier;
  const Response answer = v1(request, path);
  ledger_.remember(key, fingerprint, answer);
  return answer;
}

Response Api::v1(const Request& request, const std::vector<std::string>& path) {
  const std::string& method = request.method;
  const std::string area = path.size() > 1 ? path[1] : std::string();
  const std::string id = path.size() > 2 ? path[2] : std::string();
  const std::string verb = path.size() > 3 ? path[3] : std::string();
  const bool get = method == "GET", post = method == "POST", patch = method == "PATCH";
  const bool whole = id.empty(), single = !id.empty() && verb.empty();
  const json body = post || patch ? parseBody(request) : json::object();
  if (area == "customers") {
    if (whole && post) return ok(ledger_.createCustomer(body), 201);
    if (whole && get) return ok(ledger_.list("customers", request.query, {"external_id", "email"}));
    if (single && get) return ok(ledger_.customer(id));
    if (single && patch) return ok(ledger_.updateCustomer(id, body));
    if (single && method == "DELETE") return ok(ledger_.deleteCustomer(id));
  } else if (area == "checkouts") {
    if (whole && post) return ok(ledger_.createCheckout(body), 201);
    if (whole && get)
      return ok(ledger_.list("checkouts", request.query, {"customer_id", "status"}));
    if (single && get) return ok(ledger_.checkout(id));
    if (verb == "expire" && post) return ok(ledger_.expireCheckout(id));
  } else if (area == "subscriptions") {
    if (whole && get)
      return ok(ledger_.list("subscriptions", request.query, {"customer_id", "status"}));
    if (single && get) return ok(ledger_.subscription(id));
    if (single && patch) return ok(ledger_.updateSubscription(id, body));
  } else if (area == "payments" && whole && get) {
    return ok(
        ledger_.list("payments", request.query, {"customer_id", "subscription_id", "status"}));
  } else if (area == "refunds") {
    if (whole && post) return ok(ledger_.createRefund(body), 201);
    if (whole && get) return ok(ledger_.list("refunds", request.query, {"subscription_id"}));
  } else if (area == "disputes" && whole && get) {
    return ok(ledger_.list("disputes", request.query, {"subscription_id"}));
  } else if (area == "portal-sessions" && whole && post) {
    return ok(ledger_.createPortalSession(body), 201);
  } else if (area == "usage" && whole && post) {
    return ok(ledger_.recordUsage(body));
  } else if (area == "prices" && whole && get) {
    return ok(ledger_.prices());
  } else if (area == "events") {
    if (whole && get) return ok(ledger_.list("events", request.query, {"type"}));
    if (single && get) return ok(ledger_.event(id));
    if (verb == "redeliver" && post) return ok(ledger_.redeliver(id), 202);
  } else if (area == "webhook-endpoint" && whole) {
    if (get) return ok(ledger_.endpoint());
    if (patch) return ok(ledger_.updateEndpoint(body));
  }
  noRoute(request);
}

Response Api::test(const Request& request, const std::vector<std::string>& path) {
  const bool get = request.method == "GET", post = request.method == "POST";
  const json body = post ? parseBody(request) : json::object();
  const std::string area = path.size() > 1 ? path[1] : std::string();
  if (area == "clock" && path.size() == 2 && get) return ok(ledger_.clock());
  if (area == "clock" && path.size() == 3 && path[2] == "advance" && post) {
    constexpr std::int64_t kTenYears = 3650LL * 86'400;
    const std::int64_t seconds = optionalInt(body, "seconds", 0, 0, kTenYears) +
                                 optionalInt(body, "hours", 0, 0, 87'600) * 3600 +
                                 optionalInt(body, "days", 0, 0, 3650) * 86'400;
    return ok(ledger_.advance(seconds * 1'000'000));
  }
  if (area == "webhooks" && path.size() == 2) {
    if (get) return ok(sender_.status());
    if (post) return ok(sender_.configureFaults(body));
  }
  if (area == "events" && path.size() == 2 && post) return ok(ledger_.sendEvent(body), 201);
  if (area == "checkouts" && path.size() == 4 && path[3] == "pay" && post) {
    const std::string card = optionalString(body, "card", 40);
    const CardResult result =
        ledger_.payCheckout(path[2], card.empty() ? "4242424242424242" : card);
    if (!result.accepted) throw ApiError{402, "card_declined", result.message, "card"};
    return ok(ledger_.checkout(path[2]));
  }
  if (area == "subscriptions" && path.size() == 4 && post) {
    if (path[3] == "charge")
      return ok(ledger_.chargeNow(path[2], requireString(body, "outcome", 10)));
    if (path[3] == "next-payment")
      return ok(ledger_.setNextOutcome(path[2], requireString(body, "outcome", 10)));
  }
  if (area == "disputes" && path.size() == 2 && post) return ok(ledger_.openDispute(body), 201);
  if (area == "disputes" && path.size() == 4 && path[3] == "close" && post) {
    return ok(ledger_.closeDispute(path[2], requireString(body, "outcome", 10)));
  }
  noRoute(request);
}

Response Api::checkoutPages(const Request& request, const std::string& id) {
  ledger_.settle();
  json checkout = ledger_.checkout(id);
  if (request.method == "POST" &&
      (checkout.at("status") == "open" || checkout.at("status") == "succeeded")) {
    const auto form = parseForm(request.body);
    const auto card = form.find("card");
    const CardResult result = ledger_.payCheckout(id, card == form.end() ? "" : card->second);
    if (!result.accepted) return html(402, checkoutPage(checkout, result.message));
    return {303, "text/plain", "",
            withCheckoutId(checkout.at("success_url").get<std::string>(), id)};
  }
  if (checkout.at("status") != "open") return html(200, checkoutOverPage(checkout));
  return html(200, checkoutPage(checkout, {}));
}

Response Api::portalPages(const Request& request, const std::string& session) {
  ledger_.settle();
  const json customer = ledger_.portalCustomer(session);
  const std::map<std::string, std::string> mine = {
      {"customer_id", customer.at("id").get<std::string>()}, {"limit", "100"}};
  if (request.method == "POST") {
    auto form = parseForm(request.body);
    const std::string id = form["subscription"];
    const json subscription = ledger_.subscription(id);
    if (subscription.at("customer_id") != customer.at("id"))
      throw ApiError{404, "not_found", "there is no subscription " + id};
    const std::string action = form["action"];
    if (action == "cancel")
      ledger_.updateSubscription(id, {{"cancel_at_period_end", true}});
    else if (action == "uncancel")
      ledger_.updateSubscription(id, {{"cancel_at_period_end", false}});
    else if (action == "pause")
      ledger_.updateSubscription(id, {{"pause", true}});
    else if (action == "resume")
      ledger_.updateSubscription(id, {{"resume", true}});
    else
      throw ApiError{422, "invalid_action", "unknown action"};
    return {303, "text/plain", "", "/portal/" + session + "?done=1"};
  }
  const json subscriptions = ledger_.list("subscriptions", mine, {"customer_id"});
  return html(200, portalPage(customer, subscriptions.at("items"),
                              request.query.count("done") > 0 ? "Saved." : ""));
}

}  // namespace sandbox
