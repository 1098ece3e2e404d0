#include "core/billing/pages.hpp"

#include "core/http/html.hpp"

namespace ccp::billing {

namespace {

std::string card(std::string_view heading, const std::string& text) {
  return "<section class=\"card\"><h1>" + http::escapeHtml(heading) + "</h1>" + text + "</section>";
}

}  // namespace

http::Response renderCheckoutPage(const CheckoutRow& row, const config::PlanCatalog& plans) {
  const auto* plan = plans.find(row.plan);
  const std::string title = http::escapeHtml(plan && !plan->title.empty() ? plan->title : row.plan);
  http::Page page;
  bool settled = true;
  if (row.state == "succeeded" && !row.provider_subscription_id.empty()) {
    page.title = "Thank you";
    page.body =
        card("Thank you",
             "<p>The payment is confirmed and your plan <strong>" + title +
                 "</strong> is set up. You can close this page and go back to your terminal.</p>"
                 "<p class=\"muted\">See it with <code>ccp status</code>.</p>");
  } else if (row.state == "expired" || row.state == "failed") {
    page.title = "Not completed";
    page.body = card("The checkout was not completed",
                     "<p>Nothing was charged for <strong>" + title +
                         "</strong>. Start again with <code>ccp upgrade</code>.</p>");
  } else if (row.state == "open" || row.state == "creating") {
    settled = false;
    page.title = "Waiting for the payment";
    page.body = card("Waiting for the payment",
                     "<p>The payment provider has not confirmed the payment for <strong>" + title +
                         "</strong> yet. This page looks again by itself.</p>");
  } else {
    settled = false;
    page.title = "Almost there";
    page.body = card("Almost there", "<p>The payment provider is setting up <strong>" + title +
                                         "</strong>. This page looks again by itself.</p>");
  }
  auto response = http::renderPage(page);
  if (!settled) response.header("Refresh", "3");
  return response;
}

http::Response renderCheckoutUnknown(const Error& error) {
  http::Page page;
  page.title = "One moment";
  page.body =
      card("One moment",
           "<p>The payment provider cannot be asked right now. If you have paid, nothing is lost: "
           "your plan is set up as soon as it answers.</p><p class=\"muted small\">" +
               http::escapeHtml(error.name()) + "</p>");
  auto response = http::renderPage(page, error.httpStatus() >= 500 ? 503 : error.httpStatus());
  response.header("Refresh", "5");
  return response;
}

http::Response renderBillingPage(const Standing& standing, const PageViewer& viewer) {
  using State = licensing::LicenseState;
  const auto& decision = standing.decision;
  http::Page page;
  page.title = "Billing";
  page.user_email = viewer.email;
  page.csrf_token = viewer.csrf_token;
  std::string body = "<p>Your plan is <strong>" + http::escapeHtml(standing.entitlements.plan_title) +
                     "</strong> with " + std::to_string(decision.seats) +
                     (decision.seats == 1 ? " seat" : " seats") + ".</p>";
  if (const auto& notice = standing.entitlements.notice; !notice.empty()) {
    const bool good = decision.state == State::trial || decision.state == State::active;
    body += "<p class=\"notice " + std::string(good ? "good" : "warn") + "\" role=\"status\">" +
            http::escapeHtml(notice) + "</p>";
  }
  if (viewer.manages && !viewer.agree_url.empty())
    body += "<p class=\"notice warn\" role=\"status\">Payments move to another provider. Please enter your "
            "payment method there; nothing is charged before the period that you have paid for "
            "ends.</p><p><a class=\"button full\" href=\"" +
            http::escapeHtml(viewer.agree_url) + "\" rel=\"noopener\">Continue at the new provider</a></p>";
  if (!standing.has_portal)
    body += "<p>Nothing has been bought yet. Owners and admins see the plans with <code>ccp plan</code> "
            "and begin with <code>ccp upgrade</code>.</p>";
  else if (viewer.manages)
    // A link, not a form: the portal is another site, and the page's policy lets forms stay here only.
    body += "<p><a class=\"button full\" href=\"/billing/portal\" rel=\"noopener\">Open the billing portal</a></p>"
            "<p class=\"muted\">Invoices, payment method, seats, pause and cancellation are at the payment "
            "provider.</p>";
  else
    body += "<p class=\"muted\">Owners and admins of the organization manage its billing.</p>";
  page.body = card("Billing", body);
  return http::renderPage(page);
}

http::Response renderPortalUnavailable(const Error& error, const PageViewer& viewer) {
  http::Page page;
  page.title = "Billing";
  page.user_email = viewer.email;
  page.csrf_token = viewer.csrf_token;
  const bool ours = error.code == Errc::forbidden || error.code == Errc::conflict;
  page.body = card("The billing portal does not open",
                   "<p class=\"notice error\" role=\"alert\">" +
                       http::escapeHtml(ours ? error.detail
                                             : "The payment provider cannot be asked right now. Please try "
                                               "again in a minute; nothing is lost.") +
                       "</p><p><a href=\"/billing\">Back to billing</a></p>");
  return http::renderPage(page, error.httpStatus());
}

}  // namespace ccp::billing
