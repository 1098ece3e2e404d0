#include "core/billing/operator_routes.hpp"

#include "core/base/encoding.hpp"
#include "core/billing/route_support.hpp"
#include "core/http/operator_routes.hpp"
#include "core/http/page_limit.hpp"

namespace ccp::billing {

namespace {

constexpr int kPageDefault = 50;
constexpr int kPageMax = 200;
/// Doctor and moves ask providers; the route's own deadline would end them early.
constexpr Duration kPatience = seconds(60);

Json timeJson(const std::optional<Timestamp>& at) {
  return at ? Json(formatRfc3339(*at)) : Json();
}
Json textOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

// --- webhooks -----------------------------------------------------------------------------------

Json render(const InboxSummary& row) {
  return Json::object({{"id", row.id},
                       {"org", textOrNull(row.org)},
                       {"instance", row.instance},
                       {"event_id", row.event_id},
                       {"type", row.event_type},
                       {"customer", textOrNull(row.provider_customer_id)},
                       {"state", row.state},
                       {"attempts", row.attempts},
                       {"error", textOrNull(row.error)},
                       {"source", row.source},
                       {"received_at", formatRfc3339(row.received_at)},
                       {"processed_at", timeJson(row.processed_at)}});
}

Json render(const InboxRow& row) {
  Json headers = Json::array();
  for (const auto& [name, value] : row.headers)
    headers.push(Json::object({{"name", name}, {"value", value}}));
  const auto parsed = parseJson(row.body);
  Json out = Json::object({{"id", row.id},
                           {"org", textOrNull(row.org)},
                           {"instance", row.instance},
                           {"event_id", row.event_id},
                           {"type", row.event_type},
                           {"customer", textOrNull(row.provider_customer_id)},
                           {"state", row.state},
                           {"attempts", row.attempts},
                           {"error", textOrNull(row.error)},
                           {"source", row.source},
                           {"received_at", formatRfc3339(row.received_at)},
                           {"headers", std::move(headers)}});
  // The exact bytes are what the signature was over; a reader wants the document.
  out.set("body", parsed ? *parsed : Json());
  out.set("body_base64", base64Encode(bytesOf(row.body)));
  return out;
}

Result<http::Response> listWebhooks(Feature& billing, const http::Request& request) {
  InboxRepository::Filter filter;
  CCP_TRY(filter.limit, http::pageLimit(request, kPageDefault, kPageMax));
  filter.state = request.query.getOr("state");
  if (!filter.state.empty() && filter.state != "received" && filter.state != "processed" &&
      filter.state != "parked" && filter.state != "dead")
    return fail(Errc::validation_failed, "state must be received, processed, parked or dead.");
  filter.instance = request.query.getOr("instance");
  filter.org = request.query.getOr("org");
  filter.after = request.query.getOr("cursor");
  CCP_TRY(const auto rows, billing.inbox().list(filter));
  CCP_TRY(const auto counts, billing.inbox().counts());
  Json items = Json::array();
  for (const auto& row : rows) items.push(render(row));
  const bool more = rows.size() == static_cast<std::size_t>(filter.limit);
  return http::Response::json(
             Json::object({{"webhooks", std::move(items)},
                           {"counts", Json::object({{"received", counts.received},
                                                    {"parked", counts.parked},
                                                    {"dead", counts.dead}})},
                           {"next_cursor", more ? Json(rows.back().id) : Json()}}))
      .noStore();
}

Result<http::Response> showWebhook(Feature& billing, const http::Request& request) {
  CCP_TRY(const InboxRow row, billing.inbox().show(request.param("id")));
  return http::Response::json(Json::object({{"webhook", render(row)}})).noStore();
}

Result<http::Response> replayWebhook(Feature& billing, const http::Request& request) {
  CCP_TRY(const InboxRow row, billing.inbox().replay(request.param("id"),
                                                     request.principal.actor(), request.deadline));
  return http::Response::json(Json::object({{"webhook", render(row)}})).noStore();
}

// --- doctor and reconciler ----------------------------------------------------------------------

Json render(const DoctorPage& page) {
  Json items = Json::array();
  for (const auto& item : page.items) {
    Json rendered = describe(item.difference);
    rendered.set("repaired", item.repaired);
    if (!item.repair_error.empty()) rendered.set("repair_error", item.repair_error);
    items.push(std::move(rendered));
  }
  return Json::object({{"differences", std::move(items)},
                       {"customers", page.customers},
                       {"subscriptions", page.subscriptions},
                       {"next_cursor", textOrNull(page.next_cursor)}});
}

Result<http::Response> doctor(Feature& billing, const http::Request& request) {
  CCP_TRY(const Json body, request.json());
  Doctor::Question question;
  question.org = body.strOr("org");
  question.cursor = body.strOr("cursor");
  question.repair = body.boolOr("repair");
  CCP_TRY(const DoctorPage page, billing.doctor().look(question, contextOf(request)));
  return http::Response::json(render(page)).noStore();
}

Result<http::Response> reconcile(Feature& billing, const http::Request&) {
  CCP_CHECK_OK(billing.reconciler().scheduleAll());
  billing.worker().wake();
  return http::Response::json(Json::object({{"scheduled", true}}), 202).noStore();
}

Result<http::Response> health(Feature& billing, const http::Request& request) {
  CCP_TRY(const BillingHealth health, billing.health(request.deadline));
  return http::Response::json(
             Json::object({{"webhooks", Json::object({{"received", health.webhooks_waiting},
                                                      {"parked", health.webhooks_parked},
                                                      {"dead", health.webhooks_dead}})},
                           {"subscriptions_dirty", health.subscriptions_dirty},
                           {"reconciler", health.reconciler},
                           {"findings", health.findings}}))
      .noStore();
}

// --- moves --------------------------------------------------------------------------------------

Json render(const MovePlan& plan) {
  Json warnings = Json::array();
  for (const auto& warning : plan.warnings) warnings.push(warning);
  const auto money = [](std::int64_t amount, const std::string& currency) {
    return Json::object({{"amount_minor", amount}, {"currency", currency}});
  };
  Json move = describe(plan.move);
  move.set("state", "planned");
  return Json::object(
      {{"move", std::move(move)},
       {"plan", plan.plan},
       {"pays_now", plan.source_currency.empty()
                        ? Json()
                        : money(plan.source_amount_minor, plan.source_currency)},
       {"unit_there", plan.target_amount_minor
                          ? money(*plan.target_amount_minor, plan.target_currency)
                          : Json()},
       {"opens_at", timeJson(plan.opens_at)},
       {"warnings", std::move(warnings)}});
}

Result<http::Response> beginMove(Feature& billing, const http::Request& request) {
  CCP_TRY(const Json body, request.json());
  CCP_TRY(const std::string to, body.str("to"));
  const std::string org = request.param("org");
  if (body.boolOr("dry_run")) {
    CCP_TRY(const MovePlan plan, billing.moves().plan(org, to, contextOf(request)));
    return http::Response::json(render(plan)).noStore();
  }
  CCP_TRY(const Move move,
          billing.moves().begin(org, to, request.principal.actor(), contextOf(request)));
  return http::Response::json(Json::object({{"move", describe(move)}}), 201).noStore();
}

Result<http::Response> showMove(Feature& billing, const http::Request& request) {
  CCP_TRY(const auto move, billing.moves().newest(request.param("org")));
  if (!move) return fail(Errc::not_found, "The organization has never moved to another provider.");
  return http::Response::json(Json::object({{"move", describe(*move)}})).noStore();
}

Result<http::Response> cancelMove(Feature& billing, const http::Request& request) {
  CCP_TRY(const Move move, billing.moves().cancel(request.param("org"), request.principal.actor(),
                                                  contextOf(request)));
  return http::Response::json(Json::object({{"move", describe(move)}})).noStore();
}

Result<http::Response> listMoves(Feature& billing, const http::Request&) {
  CCP_TRY(const auto moves, billing.moves().list());
  Json items = Json::array();
  for (const auto& move : moves) items.push(describe(move));
  return http::Response::json(Json::object({{"moves", std::move(items)}})).noStore();
}

http::RouteOptions patient(const char* summary) {
  http::RouteOptions out = http::operatorOnly(summary);
  out.timeout = kPatience;
  return out;
}

}  // namespace

void addBillingOperatorRoutes(http::Router& router, Feature& billing) {
  const auto bind = [&billing](auto handler) {
    return [&billing, handler](const http::Request& request) { return handler(billing, request); };
  };
  using http::operatorOnly;
  router.get("/v1/admin/webhooks", operatorOnly("Stored webhooks, newest first"),
             bind(listWebhooks));
  router.get("/v1/admin/webhooks/{id}", operatorOnly("One stored webhook with its body"),
             bind(showWebhook));
  router.post("/v1/admin/webhooks/{id}/replay",
              operatorOnly("Process a stored webhook once more"), bind(replayWebhook));

  router.get("/v1/admin/billing", patient("How billing stands"), bind(health));
  router.post("/v1/admin/billing/reconcile",
              operatorOnly("Compare every customer with the providers now"), bind(reconcile));
  router.post("/v1/admin/billing/doctor",
              patient("Explain, and with repair settle, what providers and CCP disagree about"),
              bind(doctor));
  router.get("/v1/admin/billing/moves", operatorOnly("Organizations that change the provider"),
             bind(listMoves));
  router.get("/v1/admin/orgs/{org}/billing/move",
             operatorOnly("The organization's newest change of provider"), bind(showMove));
  router.post("/v1/admin/orgs/{org}/billing/move",
              patient("Move a paying organization to another billing instance, or say what that "
                      "would do"),
              bind(beginMove));
  router.post("/v1/admin/orgs/{org}/billing/move/cancel",
              patient("Stop a move; the old subscription goes on"), bind(cancelMove));
}

}  // namespace ccp::billing
