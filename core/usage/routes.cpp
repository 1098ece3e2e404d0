#include "core/usage/routes.hpp"

#include "core/base/fault.hpp"
#include "core/http/csrf.hpp"
#include "core/http/html.hpp"
#include "core/usage/page.hpp"
#include "core/usage/render.hpp"

namespace ccp::usage {
namespace {

constexpr std::size_t kMaxBody = 4u << 20;

struct Asked {
  WindowKind kind;
  Timestamp until;
};

Result<Asked> windowOf(const http::Request& request, const UsageService& service) {
  CCP_TRY(const auto kind, windowKindFrom(request.query.getOr("window", "24h")));
  Asked out{kind, service.now()};
  if (const auto until = request.query.get("until"); until && !until->empty()) {
    const auto at = parseRfc3339(*until);
    if (!at) return fail(Error{Errc::validation_failed, "until must be an RFC 3339 time", {{"until", "must be an RFC 3339 time"}}});
    out.until = *at;
  }
  return out;
}

Result<http::Response> ingest(UsageService& service, const http::Request& request) {
  CCP_TRY(const auto body, request.json());
  CCP_TRY(const auto report, service.ingest(request.principal, body));
  auto response = http::Response::json(ingestJson(report));
  response.noStore();
  faultPoint("rollups.before_reply");
  return response;
}

/// "json" (default) or "csv".
Result<std::string> formatOf(const http::Request& request) {
  std::string format = request.query.getOr("format", "json");
  if (format == "json" || format == "csv") return format;
  return fail(Error{Errc::validation_failed, "format must be json or csv", {{"format", "must be json or csv"}}});
}

http::Response csvFile(std::string body, const std::string& name) {
  auto response = http::Response::csv(std::move(body));
  response.header("Content-Disposition", "attachment; filename=\"" + name + ".csv\"").noStore();
  return response;
}

Result<http::Response> models(UsageService& service, const http::Request& request) {
  CCP_TRY(const auto asked, windowOf(request, service));
  CCP_TRY(const auto format, formatOf(request));
  CCP_TRY(const auto report, service.models(request.principal, asked.kind, asked.until));
  if (format == "csv") return csvFile(modelsCsv(report), std::string("models-") + toString(asked.kind));
  auto response = http::Response::json(modelsJson(report));
  response.noStore();
  return response;
}

Result<http::Response> seats(UsageService& service, const http::Request& request) {
  CCP_TRY(const auto asked, windowOf(request, service));
  CCP_TRY(const auto format, formatOf(request));
  CCP_TRY(const auto report, service.seats(request.principal, asked.kind, asked.until));
  if (format == "csv") return csvFile(seatsCsv(report), std::string("seats-") + toString(asked.kind));
  auto response = http::Response::json(seatsJson(report, request.principal.seat));
  response.noStore();
  return response;
}

Result<http::Response> dashboard(UsageService& service, const http::Request& request) {
  CCP_TRY(const auto asked, windowOf(request, service));
  const bool https = service.settings().server.public_url.starts_with("https://");
  http::Page page;
  page.title = "Usage · " + service.settings().product_name;
  page.user_email = request.principal.email;
  page.csrf_token = http::csrfToken(request.cookie(http::sessionCookieName(https)));
  page.wide = true;
  CCP_TRY(const std::string notice, service.licenseNotice(request.principal.org));
  const auto report = service.models(request.principal, asked.kind, asked.until);
  if (!report && report.error().code == Errc::plan_required) {
    page.wide = false;
    page.body = noticeBody(notice) + upgradeBody(report.error().detail);
    return http::renderPage(page);  // a page for a person: 402 is for programs
  }
  if (!report) return fail(report.error());
  page.body = noticeBody(notice) + dashboardBody(*report, service.now());
  return http::renderPage(page);
}

http::RouteOptions options(http::Auth auth, std::string summary) {
  http::RouteOptions out;
  out.auth = auth;
  out.summary = std::move(summary);
  return out;
}

}  // namespace

void addUsageRoutes(http::Router& router, UsageService& service) {
  auto post = options(http::Auth::client, "Send usage rollups of hours or days");
  post.max_body = kMaxBody;
  post.content_types = {"application/json"};
  router.post("/v1/ingest/rollups", std::move(post), [&service](const http::Request& r) { return ingest(service, r); });
  router.get("/v1/dash/models", options(http::Auth::reader, "Usage per model and lane, with a series for charts"),
             [&service](const http::Request& r) { return models(service, r); });
  router.get("/v1/dash/usage", options(http::Auth::reader, "Usage per seat, under k-safety"),
             [&service](const http::Request& r) { return seats(service, r); });
  router.get("/dashboard", options(http::Auth::session, "The dashboard page"),
             [&service](const http::Request& r) { return dashboard(service, r); });
}

}  // namespace ccp::usage
