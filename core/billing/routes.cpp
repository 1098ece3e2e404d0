#include "core/billing/routes.hpp"

#include <algorithm>
#include <memory>

#include "core/base/fault.hpp"
#include "core/billing/pages.hpp"
#include "core/billing/route_support.hpp"
#include "core/http/csrf.hpp"
#include "core/http/reply.hpp"

namespace ccp::billing {

namespace {

constexpr std::size_t kMaxWebhook = 1 << 20;
constexpr std::size_t kMaxBody = 4096;

Json priceJson(const config::Price& price) {
  Json out = Json::object({{"id", price.id},
                           {"per", price.per},
                           {"interval", price.interval},
                           {"amount", Json::object({{"amount_minor", price.amount_minor},
                                                    {"currency", price.currency}})},
                           {"privacy", price.privacy},
                           {"trial_days", price.trial_days}});
  if (!price.tiers.empty()) {
    Json tiers = Json::array();
    for (const auto& tier : price.tiers) {
      tiers.push(Json::object({{"up_to", tier.up_to},
                               {"amount", Json::object({{"amount_minor", tier.amount_minor},
                                                        {"currency", price.currency}})}}));
    }
    out.set("tiers", std::move(tiers));
  }
  if (price.retired) out.set("retired", true);
  return out;
}

/// Retired prices are shown to those who have them.
Json planJson(const config::Plan& plan, const std::optional<std::string>& current) {
  Json entitlements = Json::array();
  for (const auto& each : plan.entitlements) entitlements.push(each);
  Json limits = Json::object();
  for (const auto& [name, value] : plan.limits) limits.set(name, value);
  Json prices = Json::array();
  for (const auto& price : plan.prices) {
    if (!price.retired || price.id == current) prices.push(priceJson(price));
  }
  return Json::object({{"id", plan.id},
                       {"title", plan.title},
                       {"entitlements", entitlements},
                       {"limits", limits},
                       {"prices", prices}});
}

Json checkoutJson(const CheckoutRow& row) {
  return Json::object({{"checkout", Json::object({{"id", row.id},
                                                  {"url", row.url},
                                                  {"status", row.state},
                                                  {"provider", row.instance}})}});
}

http::RouteOptions clientOptions(const char* summary) {
  http::RouteOptions out;
  out.auth = http::Auth::client;
  out.max_body = kMaxBody;
  out.summary = summary;
  return out;
}

Result<http::Response> plans(Feature& billing, const http::Request& request) {
  CCP_TRY(const CurrentPlan current, billing.catalog().current(request.principal.org));
  Json list = Json::array();
  const auto settings = billing.catalog().settings();
  for (const auto& plan : settings->plans.plans) list.push(planJson(plan, current.price));
  Json now = Json::object({{"plan", current.plan},
                           {"price", current.price},
                           {"quantity", current.quantity},
                           {"seats", current.seats}});
  const auto ref = settings->plans.findPrice(current.price.value_or(""));
  const auto total = ref.price ? config::priceOf(*ref.price, current.quantity.value_or(1)) : 0;
  if (ref.price && total) {
    now.set("amount", Json::object({{"amount_minor", *total}, {"currency", ref.price->currency}}));
    now.set("interval", ref.price->interval);
  }
  return http::Response::json(Json::object({{"current", now}, {"plans", list}}));
}

Result<http::Response> createCheckout(Feature& billing, const http::Request& request) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const Json body, request.json());
  CCP_CHECK_OK(refuseUnknown(body, {"price", "quantity"}));
  CCP_TRY(const std::string price, body.str("price"));
  std::int64_t quantity = 1;
  if (body.find("quantity")) {
    CCP_TRY(quantity, body.integer("quantity"));
  }
  CCP_TRY(const CheckoutRow row, billing.checkouts().create(buyerOf(request.principal), price,
                                                            quantity, contextOf(request)));
  return http::Response::json(checkoutJson(row), 201);
}

Result<http::Response> readCheckout(Feature& billing, const http::Request& request) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const CheckoutRow row,
          billing.checkouts().get(request.principal.org, request.param("id"), contextOf(request)));
  return http::Response::json(checkoutJson(row));
}

Result<http::Response> portal(Feature& billing, const http::Request& request) {
  CCP_CHECK_OK(requireScope(request.principal));
  CCP_TRY(const std::string url,
          billing.portal().link(buyerOf(request.principal), contextOf(request)));
  return http::Response::json(Json::object({{"url", url}})).noStore();
}

Result<http::Response> webhook(Feature& billing, const http::Request& request,
                               const std::string& instance) {
  const auto reply = std::make_shared<http::Reply>();
  billing.receive(
      {instance, request.headers.fields(), request.body, request.deadline, request.request_id},
      [reply](const Result<Accepted>& accepted) {
        faultPoint("webhook.before_reply");
        if (accepted)
          reply->give(http::Response::json(Json::object({{"received", true}})));
        else
          reply->give(fail(accepted.error()));
      });
  return reply->later();
}

Result<http::Response> successPage(Feature& billing, const http::Request& request) {
  const auto row = billing.checkouts().confirm(request.query.getOr("checkout"), contextOf(request));
  if (row) return renderCheckoutPage(*row, billing.catalog().settings()->plans);
  if (row.error().code == Errc::not_found) return fail(row.error());
  return renderCheckoutUnknown(row.error());
}

PageViewer viewerOf(Feature& billing, const http::Request& request) {
  const bool https =
      billing.catalog().settings()->server.public_url.starts_with("https://");
  return {request.principal.email,
          http::csrfToken(request.cookie(http::sessionCookieName(https))),
          authorizeBuyer(request.principal.role).has_value()};
}

Result<http::Response> billingPage(Feature& billing, const http::Request& request) {
  CCP_TRY(const Standing standing, billing.catalog().standing(request.principal.org));
  PageViewer viewer = viewerOf(billing, request);
  CCP_TRY(const auto move, billing.moves().newest(request.principal.org));
  if (move && move->state == MoveState::checkout_open) viewer.agree_url = move->url;
  return renderBillingPage(standing, viewer);
}

Result<http::Response> portalPage(Feature& billing, const http::Request& request) {
  const auto url = billing.portal().link(buyerOf(request.principal), contextOf(request));
  if (!url) return renderPortalUnavailable(url.error(), viewerOf(billing, request));
  auto response = http::Response::redirect(*url);
  response.noStore();
  return response;
}

}  // namespace

void addBillingRoutes(http::Router& router, Feature& billing) {
  addChangeRoutes(router, billing);
  router.get("/v1/plans", clientOptions("Plans on sale and the plan in force"),
             [&billing](const http::Request& request) { return plans(billing, request); });

  auto checkout = clientOptions("Start a checkout at the payment provider");
  checkout.content_types = {"application/json"};
  checkout.idempotent = true;
  router.post("/v1/billing/checkout", checkout, [&billing](const http::Request& request) {
    return createCheckout(billing, request);
  });
  router.get("/v1/billing/checkout/{id}", clientOptions("Where a checkout stands"),
             [&billing](const http::Request& request) { return readCheckout(billing, request); });
  router.post("/v1/billing/portal", clientOptions("Link to the provider's customer portal"),
              [&billing](const http::Request& request) { return portal(billing, request); });

  http::RouteOptions hook;
  hook.max_body = kMaxWebhook;
  hook.on_loop = true;  // it hands the delivery over
  hook.summary = "Webhook of a billing instance; authenticated by its signature";
  router.post("/webhooks/{instance}", hook, [&billing](const http::Request& request) {
    return webhook(billing, request, request.param("instance"));
  });
  for (const auto& [path, plugin] : {std::pair{"/billing/polar", "ccp.billing-polar"},
                                     std::pair{"/billing/stripe", "ccp.billing-stripe"}}) {
    auto alias = hook;
    alias.summary =
        std::string("Alias of /webhooks/{instance} for the first instance of ") + plugin;
    router.post(path, alias,
                [&billing,
                 id = std::string(plugin)](const http::Request& request) -> Result<http::Response> {
                  CCP_TRY(const std::string instance, billing.webhooks().instanceOf(id));
                  return webhook(billing, request, instance);
                });
  }

  http::RouteOptions page;
  page.summary = "Page after paying; asks the provider how the checkout ended";
  http::RouteOptions session;
  session.auth = http::Auth::session;
  session.summary = "Page: the plan, how it stands, and the way to the billing portal";
  router.get("/billing", session,
             [&billing](const http::Request& request) { return billingPage(billing, request); });
  session.summary = "To the provider's customer portal";
  router.get("/billing/portal", session,
             [&billing](const http::Request& request) { return portalPage(billing, request); });
  router.get("/billing/success", page,
             [&billing](const http::Request& request) { return successPage(billing, request); });
}

}  // namespace ccp::billing
