// POST /v1/billing/seats and /v1/billing/change.
#include <algorithm>

#include "core/billing/feature.hpp"
#include "core/billing/route_support.hpp"
#include "core/billing/routes.hpp"

namespace ccp::billing {

namespace {

Json moneyJson(const std::optional<Money>& money) {
  if (!money) return {};
  return Json::object({{"amount_minor", money->amount_minor}, {"currency", money->currency}});
}

Json sideJson(const Changes::Side& side) {
  const auto text = [](const std::string& value) { return value.empty() ? Json() : Json(value); };
  return Json::object({{"plan", side.plan},
                       {"price", text(side.price)},
                       {"quantity", side.quantity},
                       {"amount", moneyJson(side.amount)},
                       {"per", text(side.per)},
                       {"interval", text(side.interval)}});
}

Json doneJson(const Changes::Done& done) {
  return Json::object(
      {{"subscription",
        Json::object({{"id", done.subscription}, {"provider", done.instance}, {"status", done.status}})},
       {"changed", done.changed},
       {"before", sideJson(done.before)},
       {"after", sideJson(done.after)},
       {"prorated_estimate", moneyJson(done.prorated)},
       {"seats", Json::object({{"paid", done.seats_paid},
                               {"used", done.seats_used},
                               {"over", std::max<std::int64_t>(0, done.seats_used - done.seats_paid)}})}});
}

Result<http::Response> change(Feature& billing, const http::Request& request, bool plan) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const Json body, request.json());
  CCP_CHECK_OK(plan ? refuseUnknown(body, {"price", "quantity", "proration"})
                    : refuseUnknown(body, {"quantity", "proration"}));
  Changes::Wanted wanted;
  if (plan) {
    CCP_TRY(wanted.price, body.str("price"));
  }
  if (!plan || body.find("quantity")) {
    CCP_TRY(wanted.quantity, body.integer("quantity"));
  }
  if (body.find("proration")) {
    CCP_TRY(wanted.proration, body.str("proration"));
  }
  plugin::CallContext context = contextOf(request);
  context.idempotency_key = request.headers.get("Idempotency-Key");
  CCP_TRY(const auto done, billing.changes().change(buyerOf(request.principal), wanted, context));
  return http::Response::json(doneJson(done)).noStore();
}

}  // namespace

void addChangeRoutes(http::Router& router, Feature& billing) {
  http::RouteOptions options;
  options.auth = http::Auth::client;
  options.max_body = 4096;
  options.content_types = {"application/json"};
  options.idempotent = true;
  options.summary = "Change how many seats the running subscription pays for";
  router.post("/v1/billing/seats", options,
              [&billing](const http::Request& request) { return change(billing, request, false); });
  options.summary = "Change the plan of the running subscription";
  router.post("/v1/billing/change", options,
              [&billing](const http::Request& request) { return change(billing, request, true); });
}

}  // namespace ccp::billing
