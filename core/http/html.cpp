#include "core/http/html.hpp"

#include "core/http/assets.hpp"

namespace ccp::http {

std::string escapeHtml(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Response renderPage(const Page& page, int status) {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><meta name=\"robots\" "
      "content=\"noindex\"><title>" +
      escapeHtml(page.title) + "</title><link rel=\"icon\" href=\"" + assetUrl("ccp.svg") +
      "\" type=\"image/svg+xml\"><link rel=\"stylesheet\" href=\"" + assetUrl("ccp.css") +
      "\"></head><body><a class=\"skip\" href=\"#main\">Skip to content</a><header "
      "class=\"top\"><div class=\"bar\">"
      "<a class=\"brand\" href=\"/\"><img src=\"" +
      assetUrl("ccp.svg") + "\" alt=\"\" width=\"26\" height=\"26\"><span>CCP</span></a>";
  if (!page.user_email.empty()) {
    html +=
        "<nav aria-label=\"Main\"><a href=\"/dashboard\">Dashboard</a><a "
        "href=\"/billing\">Billing</a><a href=\"/device\">Devices</a></nav>"
        "<form class=\"account\" method=\"post\" action=\"/logout\"><input type=\"hidden\" "
        "name=\"csrf\" value=\"" +
        escapeHtml(page.csrf_token) + "\"><span class=\"email\" title=\"Signed in\">" +
        escapeHtml(page.user_email) +
        "</span><button class=\"button quiet\" type=\"submit\">Sign out</button></form>";
  }
  html +=
      "</div></header><main id=\"main\"" + std::string(page.wide ? " class=\"wide\"" : "") + ">" +
      page.body +
      "</main><footer><p>Served by CCP, on the vendor’s own machine.</p></footer></body></html>\n";
  Response out = Response::html(std::move(html), status);
  out.noStore();
  out.headers.set("Content-Security-Policy",
                  "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
                  "connect-src 'self'; "
                  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
  return out;
}

}  // namespace ccp::http
