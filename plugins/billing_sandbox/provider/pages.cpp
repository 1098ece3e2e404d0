#include "pages.hpp"

namespace sandbox {
namespace {

constexpr std::string_view kStyle = R"css(
:root{color-scheme:light dark;--bg:#f4f5fb;--card:#fff;--ink:#1b1d29;--soft:#5a5f73;--line:#d5d8e6;--accent:#4338ca;--on:#fff;--bad:#b42318;--badbg:#fef3f2;--good:#0b6b3a;--goodbg:#ecfdf3}
@media(prefers-color-scheme:dark){:root{--bg:#12131c;--card:#1c1e2b;--ink:#eef0fb;--soft:#a9aec4;--line:#3a3e55;--accent:#a5b4fc;--on:#12131c;--bad:#fda29b;--badbg:#3a1512;--good:#75e0a7;--goodbg:#0d2c1c}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:56rem;margin:0 auto;padding:2rem 1rem;display:grid;gap:1.5rem}
.two{grid-template-columns:minmax(0,5fr) minmax(0,6fr);align-items:start}@media(max-width:44rem){.two{grid-template-columns:1fr}}
.ribbon{background:#fde68a;color:#3b2f04;text-align:center;padding:.4rem 1rem;font-size:.9rem}
section,article{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.5rem}
h1{font-size:1.5rem;margin:0 0 .25rem;line-height:1.25}h2{font-size:1.05rem;margin:0 0 .75rem}p{margin:.25rem 0}.soft{color:var(--soft)}
.price{font-size:2rem;font-weight:650;margin:.75rem 0 .25rem}dl{display:grid;grid-template-columns:auto 1fr;gap:.3rem 1rem;margin:1rem 0 0}dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere}
label{display:block;font-weight:600;margin:.9rem 0 .3rem}input{width:100%;padding:.65rem .75rem;font:inherit;color:inherit;background:transparent;border:1px solid var(--soft);border-radius:9px}
.row{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
button{font:inherit;font-weight:650;padding:.75rem 1.1rem;border-radius:10px;border:1px solid var(--accent);background:var(--accent);color:var(--on);cursor:pointer}
button.plain{background:transparent;color:var(--accent)}.full{width:100%;margin-top:1.25rem}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.note{border-radius:9px;padding:.7rem .9rem;margin:0 0 1rem}.bad{background:var(--badbg);color:var(--bad);border:1px solid var(--bad)}.good{background:var(--goodbg);color:var(--good);border:1px solid var(--good)}
.badge{display:inline-block;padding:.1rem .6rem;border-radius:99px;border:1px solid var(--line);font-size:.85rem}
.actions{display:flex;flex-wrap:wrap;gap:.6rem;margin-top:1rem}code{font-size:.95em}a{color:var(--accent)}
)css";

std::string page(const std::string& title, const std::string& main_class,
                 const std::string& content) {
  return "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
         "content=\"width=device-width,initial-scale=1\"><title>" +
         escapeHtml(title) + "</title><style>" + std::string(kStyle) +
         "</style></head><body><div class=\"ribbon\" role=\"note\">Sandbox payments: no real "
         "money, no real "
         "cards.</div><main class=\"" +
         main_class + "\">" + content + "</main></body></html>";
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? escapeHtml(found->get<std::string>())
                                                     : std::string();
}

std::string amount(const json& object) {
  const json& value = object.at("amount");
  return moneyText(value.at("amount_minor").get<std::int64_t>(),
                   value.at("currency").get<std::string>());
}

std::string day(const json& object, const char* key) {
  return text(object, key).substr(0, 10);
}

std::string planName(const json& object) {
  for (const char* key : {"name", "price_id", "product_id"}) {
    if (const std::string name = text(object, key); !name.empty()) return name;
  }
  return "Subscription";
}

bool onTheWeb(const std::string& url) {
  return url.rfind("http://", 0) == 0 || url.rfind("https://", 0) == 0;
}

std::string button(const std::string& id, const std::string& action, const std::string& label,
                   bool plain) {
  return "<form method=\"post\"><input type=\"hidden\" name=\"subscription\" value=\"" + id +
         "\"><button" + (plain ? " class=\"plain\"" : "") + " name=\"action\" value=\"" + action +
         "\">" + label + "</button></form>";
}

}  // namespace

std::string checkoutPage(const json& checkout, const std::string& error) {
  const auto trial = checkout.at("trial_days").get<std::int64_t>();
  const std::string per = checkout.at("interval") == "year" ? "year" : "month";
  const std::string price = amount(checkout) + " a " + per;
  std::string order = "<section aria-labelledby=\"order\"><h1 id=\"order\">" + planName(checkout) +
                      "</h1><p class=\"price\">" + amount(checkout) +
                      " <span class=\"soft\" style=\"font-size:1rem\">a " + per + "</span></p>";
  if (trial > 0) order += "<p>" + std::to_string(trial) + " days free, then " + price + ".</p>";
  order += "<dl><dt>Quantity</dt><dd>" +
           std::to_string(checkout.at("quantity").get<std::int64_t>()) +
           "</dd><dt>Receipt to</dt><dd>" + text(checkout, "customer_email") +
           "</dd><dt>Due today</dt><dd><strong>" +
           (trial > 0 ? moneyText(0, checkout.at("amount").at("currency").get<std::string>())
                      : amount(checkout)) +
           "</strong></dd></dl></section>";
  std::string form = "<section aria-labelledby=\"pay\"><h2 id=\"pay\">Pay by card</h2>";
  if (!error.empty())
    form += "<p class=\"note bad\" role=\"alert\" id=\"error\">" + escapeHtml(error) + "</p>";
  form +=
      "<form method=\"post\" autocomplete=\"off\"><label for=\"card\">Card number</label><input "
      "id=\"card\" name=\"card\" "
      "inputmode=\"numeric\" required value=\"4242 4242 4242 4242\" aria-describedby=\"cards";
  form += error.empty() ? "\"" : " error\" aria-invalid=\"true\"";
  form +=
      "><div class=\"row\"><div><label for=\"expiry\">Expiry</label><input id=\"expiry\" "
      "name=\"expiry\" value=\"12 / 34\" "
      "required></div><div><label for=\"cvc\">CVC</label><input id=\"cvc\" name=\"cvc\" "
      "inputmode=\"numeric\" value=\"123\" "
      "required></div></div><button class=\"full\" name=\"action\" value=\"pay\">";
  form += trial > 0 ? "Start free trial" : "Pay " + amount(checkout);
  form +=
      "</button></form><p id=\"cards\" class=\"soft\" style=\"margin-top:1rem\">Test cards: "
      "<code>4242 4242 4242 4242</code> pays, "
      "<code>4000 0000 0000 0002</code> is declined, <code>4000 0000 0000 0341</code> pays now and "
      "fails at the next renewal.</p>";
  if (onTheWeb(checkout.value("return_url", "")))
    form += "<p><a href=\"" + text(checkout, "return_url") + "\">Go back without paying</a></p>";
  form += "</section>";
  return page("Checkout", "two", order + form);
}

std::string checkoutOverPage(const json& checkout) {
  const bool paid = checkout.at("status") == "succeeded";
  std::string content =
      "<section><h1>" + std::string(paid ? "Paid, thank you" : "This checkout is over") +
      "</h1><p class=\"soft\">" +
      (paid ? "You can close this page." : "Start again from the tool that sent you here.") +
      "</p></section>";
  return page("Checkout", "", content);
}

std::string portalPage(const json& customer, const json& subscriptions, const std::string& notice) {
  std::string content =
      "<section><h1>Your subscriptions</h1><p class=\"soft\">" + text(customer, "email") + "</p>";
  if (!notice.empty())
    content += "<p class=\"note good\" role=\"status\" style=\"margin-top:1rem\">" +
               escapeHtml(notice) + "</p>";
  if (subscriptions.empty()) content += "<p>You have no subscription yet.</p>";
  if (onTheWeb(customer.value("return_url", "")))
    content += "<p><a href=\"" + text(customer, "return_url") + "\">Back</a></p>";
  content += "</section>";
  for (const auto& subscription : subscriptions) {
    const std::string status = text(subscription, "status");
    const std::string id = text(subscription, "id");
    const bool leaving = subscription.at("cancel_at_period_end").get<bool>();
    content += "<article aria-label=\"" + planName(subscription) + "\"><h2>" +
               planName(subscription) + " <span class=\"badge\">" + status + "</span></h2><p>" +
               amount(subscription) + " a " + text(subscription, "interval") + ", " +
               (status == "canceled" ? "ended " + day(subscription, "ended_at")
                : leaving            ? "ends " + day(subscription, "ends_at")
                                     : "renews " + day(subscription, "period_end_at")) +
               "</p><div class=\"actions\">";
    if (status == "paused") content += button(id, "resume", "Resume", false);
    if (status != "canceled" && status != "paused") {
      content += leaving ? button(id, "uncancel", "Keep it", false)
                         : button(id, "cancel", "Cancel at the end of the period", true);
      if (!leaving) content += button(id, "pause", "Pause", true);
    }
    content += "</div></article>";
  }
  return page("Customer portal", "", content);
}

std::string messagePage(const std::string& title, const std::string& text_) {
  return page(title, "",
              "<section><h1>" + escapeHtml(title) + "</h1><p class=\"soft\">" + escapeHtml(text_) +
                  "</p></section>");
}

}  // namespace sandbox
