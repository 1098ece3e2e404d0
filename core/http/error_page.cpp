#include "core/http/error_page.hpp"

#include "core/http/html.hpp"

namespace ccp::http {

bool isApiPath(std::string_view path) noexcept {
  for (const std::string_view prefix :
       {"/v1/", "/oauth/", "/webhooks/", "/.well-known/", "/assets/"}) {
    if (path.starts_with(prefix)) return true;
  }
  return path == "/openapi.json";
}

Response errorPage(const Error& error, std::string_view request_id) {
  const ErrorInfo& row = info(error.code);
  Page page;
  page.title = row.title;
  page.body = "<section class=\"card narrow center\"><p class=\"badge\">" +
              std::to_string(row.http_status) + "</p><h1>" + escapeHtml(row.title) + "</h1>";
  if (!error.detail.empty()) page.body += "<p>" + escapeHtml(error.detail) + "</p>";
  page.body +=
      "<p class=\"muted\">" + escapeHtml(row.next_step) +
      "</p><p class=\"muted small\">Request <code>" + escapeHtml(request_id) +
      "</code></p><p><a class=\"button secondary\" href=\"/\">Back to the start</a></p></section>";
  Response out = renderPage(page, row.http_status);
  const Response problem = Response::problem(error, request_id);
  if (const auto retry = problem.headers.get("Retry-After"); !retry.empty())
    out.headers.set("Retry-After", retry);
  return out;
}

Response oauthError(const Error& error, std::string_view request_id) {
  const ErrorInfo& row = info(error.code);
  const Response problem = Response::problem(error, request_id);
  const char* code = "invalid_request";
  if (row.http_status == 503)
    code = "temporarily_unavailable";
  else if (row.http_status >= 500)
    code = "server_error";
  else if (row.http_status == 429)
    code = "slow_down";
  else if (row.http_status == 401)
    code = "invalid_client";
  Response out = Response::json(
      Json::object({{"error", code},
                    {"error_description",
                     (error.detail.empty() ? row.title : error.detail) + " (" + row.name + ")"}}),
      row.http_status);
  out.noStore();
  out.headers.set("Pragma", "no-cache");
  if (const auto retry = problem.headers.get("Retry-After"); !retry.empty())
    out.headers.set("Retry-After", retry);
  return out;
}

}  // namespace ccp::http
