#include "ledger.hpp"

#include <algorithm>
#include <stdexcept>

namespace sandbox {
namespace {

constexpr std::int64_t kDay = 86'400'000'000;
constexpr std::size_t kKeptEvents = 1000;
constexpr std::size_t kKeptAnswers = 500;

const char* const kTables[] = {"customers", "checkouts", "subscriptions", "payments", "refunds",
                               "disputes",  "sessions",  "events",        "usage",    "answers"};

/// Tables are arrays in order of creation, so that pages and event order need no sorting.
json emptyState() {
  json state = json::object();
  for (const char* table : kTables) state[table] = json::array();
  state["endpoint"] = {{"url", ""}, {"enabled", true}, {"failures", 0}};
  state["offset"] = 0;
  state["last"] = 0;
  return state;
}

const char* singular(const std::string& table) {
  if (table == "customers") return "customer";
  if (table == "checkouts") return "checkout";
  if (table == "subscriptions") return "subscription";
  if (table == "payments") return "payment";
  if (table == "refunds") return "refund";
  if (table == "disputes") return "dispute";
  if (table == "events") return "event";
  return "object";
}

void requireEmail(const std::string& email) {
  const auto at = email.find('@');
  if (at == std::string::npos || at == 0 || at + 1 == email.size() ||
      email.find('@', at + 1) != std::string::npos ||
      email.find_first_of(" \t\r\n<>") != std::string::npos) {
    throw ApiError{422, "invalid_email", "email must be an e-mail address", "email"};
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  return text;
}

}  // namespace

Ledger::Ledger(LedgerOptions options) : options_(std::move(options)), state_(emptyState()) {
  if (options_.state_file.empty()) return;
  std::string text;
  try {
    text = readFile(options_.state_file);
  } catch (const std::runtime_error&) {
    return;  // first start
  }
  json stored = json::parse(text, nullptr, false);
  if (!stored.is_object())
    throw std::runtime_error(options_.state_file + " is not a state file; move it away");
  for (const auto& [key, value] : stored.items()) state_[key] = value;
  offset_ = state_["offset"].get<Micros>();
  last_ = state_["last"].get<Micros>();
}

void Ledger::onEvent(std::function<void(const OutgoingEvent&)> sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
  for (const auto& event : state_["events"]) {
    if (event.at("_state") == "pending") {
      sink_(outgoing(event));
    }
  }
}

void Ledger::setPublicUrl(std::string url) {
  const std::lock_guard lock(mutex_);
  public_url_ = std::move(url);
}

Ledger::Micros Ledger::now() const {
  return (options_.standing_clock != 0 ? options_.standing_clock : wallMicros()) + offset_;
}

std::string Ledger::freshId(std::string_view prefix) {
  if (options_.standing_clock == 0) return newId(prefix);
  const std::string number = std::to_string(++ids_);
  return std::string(prefix) + "_" + std::string(8 - std::min<std::size_t>(8, number.size()), '0') +
         number;
}

Ledger::Micros Ledger::stamp(Micros at) {
  last_ = std::max(at == 0 ? now() : at, last_ + 1);
  return last_;
}

json& Ledger::find(const std::string& table, const std::string& id) {
  if (json* found = findBy(table, "id", id)) return *found;
  throw ApiError{404, "not_found", std::string("there is no ") + singular(table) + " " + id, "id"};
}

json* Ledger::findBy(const std::string& table, const char* key, const std::string& value) {
  for (auto& document : state_[table]) {
    const auto member = document.find(key);
    if (member != document.end() && member->is_string() &&
        member->get_ref<const std::string&>() == value)
      return &document;
  }
  return nullptr;
}

json& Ledger::insert(const std::string& table, json document) {
  state_[table].push_back(std::move(document));
  return state_[table].back();
}

json Ledger::show(const std::string& table, const json& document) const {
  json out = render(document);
  out["object"] = singular(table);
  if (table == "events") {
    out["data"] = json::parse(document.at("_body").get_ref<const std::string&>()).at("data");
    out["delivery"] = document.at("_state");
  }
  if (table == "checkouts")
    out["url"] = public_url_ + "/checkout/" + document.at("id").get<std::string>();
  return out;
}

OutgoingEvent Ledger::outgoing(const json& event) const {
  const std::string& body = event.at("_body").get_ref<const std::string&>();
  json thin = json::parse(body);
  const json object = thin["data"]["object"];
  thin["thin"] = true;
  thin["data"] = {
      {"object", {{"id", object.value("id", "")}, {"object", object.value("object", "")}}}};
  return {event.at("id").get<std::string>(), event.at("type").get<std::string>(), body,
          thin.dump()};
}

void Ledger::emit(const std::string& type, const std::string& table, const json& object,
                  Micros at) {
  json event = {{"id", freshId("evt")}, {"type", type}, {"created_at", at}, {"livemode", false}};
  json body = render(event);
  body["data"] = {{"object", show(table, object)}};
  event["_body"] = body.dump();  // the same bytes in every attempt
  event["_state"] = "pending";
  event["attempts"] = 0;
  const json& stored = insert("events", std::move(event));
  if (sink_) sink_(outgoing(stored));
  auto& events = state_["events"].get_ref<json::array_t&>();
  if (events.size() > kKeptEvents)
    events.erase(events.begin(),
                 events.begin() + static_cast<std::ptrdiff_t>(events.size() - kKeptEvents));
}

json Ledger::createCustomer(const json& body) {
  const std::lock_guard lock(mutex_);
  const std::string email = requireString(body, "email", 254);
  requireEmail(email);
  const std::string external_id = optionalString(body, "external_id", 200);
  for (const auto& other : state_["customers"]) {
    if (lower(other.at("email").get<std::string>()) == lower(email)) {
      throw ApiError{422, "email_taken", "a customer with this e-mail address already exists",
                     "email"};
    }
    if (!external_id.empty() && other.value("external_id", "") == external_id) {
      throw ApiError{422, "external_id_taken", "a customer with this external id already exists",
                     "external_id"};
    }
  }
  const Micros at = stamp();
  const json document = insert("customers", {{"id", freshId("cus")},
                                             {"external_id", external_id},
                                             {"email", email},
                                             {"name", optionalString(body, "name", 256)},
                                             {"created_at", at},
                                             {"modified_at", at}});
  emit("customer.created", "customers", document, at);
  persist();
  return show("customers", document);
}

json Ledger::updateCustomer(const std::string& id, const json& body) {
  const std::lock_guard lock(mutex_);
  json& document = find("customers", id);
  if (body.contains("external_id") &&
      optionalString(body, "external_id", 200) != document.at("external_id")) {
    throw ApiError{422, "external_id_fixed", "external_id cannot be changed", "external_id"};
  }
  const std::string email = optionalString(body, "email", 254);
  if (!email.empty() && lower(email) != lower(document.at("email").get<std::string>())) {
    requireEmail(email);
    for (const auto& other : state_["customers"]) {
      if (lower(other.at("email").get<std::string>()) == lower(email)) {
        throw ApiError{422, "email_taken", "a customer with this e-mail address already exists",
                       "email"};
      }
    }
    document["email"] = email;
  }
  if (body.contains("name")) document["name"] = optionalString(body, "name", 256);
  const Micros at = stamp();
  touch(document, at);
  emit("customer.updated", "customers", document, at);
  persist();
  return show("customers", document);
}

json Ledger::deleteCustomer(const std::string& id) {
  const std::lock_guard lock(mutex_);
  settleUntil(now());
  json& document = find("customers", id);
  for (auto& subscription : state_["subscriptions"]) {
    if (subscription.at("customer_id") == id && subscription.at("status") != "canceled")
      end(subscription, stamp());
  }
  const Micros at = stamp();
  touch(document, at);
  emit("customer.deleted", "customers", document, at);
  json gone = show("customers", document);
  auto& customers = state_["customers"].get_ref<json::array_t&>();
  customers.erase(std::find_if(customers.begin(), customers.end(),
                               [&id](const json& each) { return each.at("id") == id; }));
  persist();
  return gone;
}

json Ledger::customer(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return show("customers", find("customers", id));
}

json Ledger::priceOf(const json& body) const {
  const std::string price_id = optionalString(body, "price_id", 200);
  json price = {{"id", price_id},
                {"product_id", optionalString(body, "product_id", 200)},
                {"name", optionalString(body, "name", 200)},
                {"amount_minor", options_.default_amount_minor},
                {"currency", "USD"},
                {"interval", "month"},
                {"trial_days", 0}};
  for (const auto& known : options_.catalog) {
    if (!price_id.empty() && known.value("id", "") == price_id) price.update(known);
  }
  if (const auto amount = body.find("amount"); amount != body.end() && amount->is_object()) {
    price["amount_minor"] =
        optionalInt(*amount, "amount_minor", options_.default_amount_minor, 0, 99'999'999);
    price["currency"] = requireString(*amount, "currency", 3);
  }
  const std::string interval = optionalString(body, "interval", 10);
  if (!interval.empty()) price["interval"] = interval;
  if (price["interval"] != "month" && price["interval"] != "year") {
    throw ApiError{422, "invalid_interval", "interval must be month or year", "interval"};
  }
  return price;
}

json Ledger::createCheckout(const json& body) {
  const std::lock_guard lock(mutex_);
  const json owner = find("customers", requireString(body, "customer_id", 200));
  if (optionalString(body, "price_id", 200).empty() &&
      optionalString(body, "product_id", 200).empty()) {
    throw ApiError{422, "missing_field", "price_id or product_id is required", "price_id"};
  }
  const json price = priceOf(body);
  const std::int64_t quantity = optionalInt(body, "quantity", 1, 1, 10'000);
  const json metadata = body.value("metadata", json::object());
  if (!metadata.is_object() || metadata.size() > 50)
    throw ApiError{422, "invalid_metadata", "metadata must be an object of at most 50 members",
                   "metadata"};
  const Micros at = stamp();
  const json document =
      insert("checkouts",
             {{"id", freshId("cs")},
              {"status", "open"},
              {"customer_id", owner.at("id")},
              {"customer_email", owner.at("email")},
              {"product_id", price.value("product_id", "")},
              {"price_id", price.value("id", "")},
              {"name", price.value("name", "")},
              {"quantity", quantity},
              {"amount",
               {{"amount_minor", price.at("amount_minor").get<std::int64_t>() * quantity},
                {"currency", price.at("currency")}}},
              {"interval", price.at("interval")},
              {"trial_days", optionalInt(body, "trial_days", price.value("trial_days", 0), 0, 730)},
              {"success_url", requireString(body, "success_url", 2083)},
              {"return_url", optionalString(body, "return_url", 2083)},
              {"metadata", metadata},
              {"subscription_id", nullptr},
              {"expires_at", at + kDay},
              {"created_at", at},
              {"modified_at", at}});
  emit("checkout.created", "checkouts", document, at);
  persist();
  return show("checkouts", document);
}

json Ledger::checkout(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return show("checkouts", find("checkouts", id));
}

json Ledger::expireCheckout(const std::string& id) {
  const std::lock_guard lock(mutex_);
  json& document = find("checkouts", id);
  if (document.at("status") != "open")
    throw ApiError{409, "checkout_closed",
                   "the checkout is " + document.at("status").get<std::string>()};
  const Micros at = stamp();
  document["status"] = "expired";
  touch(document, at);
  emit("checkout.expired", "checkouts", document, at);
  persist();
  return show("checkouts", document);
}

CardResult Ledger::payCheckout(const std::string& id, const std::string& card_number) {
  const std::lock_guard lock(mutex_);
  settleUntil(now());
  json& document = find("checkouts", id);
  if (document.at("status") == "succeeded") return {true, {}};  // pressed twice
  if (document.at("status") != "open")
    return {false, "This checkout is over. Start again from the tool."};
  std::string digits;
  for (const char c : card_number) {
    if (c >= '0' && c <= '9')
      digits += c;
    else if (c != ' ' && c != '-')
      return {false, "A card number has digits only."};
  }
  if (digits != "4242424242424242" && digits != "4000000000000341") {
    const bool known = digits == "4000000000000002";
    const Micros at = stamp();
    emit("payment.failed", "payments",
         {{"id", freshId("pay")},
          {"status", "failed"},
          {"customer_id", document.at("customer_id")},
          {"subscription_id", nullptr},
          {"checkout_id", id},
          {"amount", document.at("amount")},
          {"failure_code", known ? "card_declined" : "card_unknown"},
          {"created_at", at}},
         at);
    persist();
    return {false, known ? "Your card was declined. Try another card."
                         : "This is no test card. Use one of the cards below."};
  }
  const Micros at = stamp();
  const json started = startSubscription(document, digits, at);
  json& paid = find("checkouts", id);
  paid["status"] = "succeeded";
  paid["subscription_id"] = started.at("id");
  touch(paid, stamp());
  emit("checkout.succeeded", "checkouts", paid, last_);
  persist();
  return {true, {}};
}

json Ledger::createPortalSession(const json& body) {
  const std::lock_guard lock(mutex_);
  const json owner = find("customers", requireString(body, "customer_id", 200));
  const Micros at = stamp();
  json document = insert("sessions", {{"id", freshId("prt")},
                                      {"customer_id", owner.at("id")},
                                      {"return_url", optionalString(body, "return_url", 2083)},
                                      {"expires_at", at + 3'600'000'000},
                                      {"created_at", at}});
  persist();
  json out = render(document);
  out["object"] = "portal_session";
  out["url"] = public_url_ + "/portal/" + document.at("id").get<std::string>();
  return out;
}

json Ledger::portalCustomer(const std::string& session_id) {
  const std::lock_guard lock(mutex_);
  const json session = find("sessions", session_id);
  if (session.at("expires_at").get<Micros>() < now())
    throw ApiError{404, "session_over", "this portal link is over"};
  json out = show("customers", find("customers", session.at("customer_id").get<std::string>()));
  out["return_url"] = session.at("return_url");
  return out;
}

json Ledger::list(const std::string& table, const std::map<std::string, std::string>& query,
                  const std::vector<std::string>& filters) {
  const std::lock_guard lock(mutex_);
  const auto value = [&query](const std::string& key) {
    const auto found = query.find(key);
    return found == query.end() ? std::string() : found->second;
  };
  std::size_t limit = 20;
  if (const std::string text = value("limit"); !text.empty()) {
    if (text.size() > 3 || text.find_first_not_of("0123456789") != std::string::npos ||
        std::stoul(text) < 1 || std::stoul(text) > 100) {
      throw ApiError{422, "out_of_range", "limit must be between 1 and 100", "limit"};
    }
    limit = std::stoul(text);
  }
  const std::string cursor = value("cursor");
  const std::int64_t since = value("since").empty() ? 0 : parseTime(value("since"), "since");
  if (!cursor.empty()) find(table, cursor);  // 404 for a cursor of nothing
  bool started = cursor.empty();
  json items = json::array();
  std::string next;
  for (const auto& document : state_[table]) {
    if (!started) {
      started = document.at("id") == cursor;
      continue;
    }
    const bool matches = std::all_of(filters.begin(), filters.end(), [&](const std::string& key) {
      const std::string wanted = value(key);
      if (wanted.empty()) return true;
      const auto member = document.find(key);
      if (member == document.end() || !member->is_string()) return false;
      return key == "email" ? lower(member->get<std::string>()) == lower(wanted)
                            : member->get<std::string>() == wanted;
    });
    if (!matches || document.value("created_at", Micros{0}) < since) continue;
    if (items.size() == limit) {
      next = items.back().at("id").get<std::string>();
      break;
    }
    items.push_back(show(table, document));
  }
  return {{"items", std::move(items)}, {"next_cursor", next.empty() ? json(nullptr) : json(next)}};
}

json Ledger::prices() const {
  return {{"items", options_.catalog}, {"next_cursor", nullptr}};
}

std::optional<Response> Ledger::replay(const std::string& key, const std::string& fingerprint) {
  const std::lock_guard lock(mutex_);
  const json* answer = findBy("answers", "key", key);
  if (answer == nullptr) return std::nullopt;
  if (answer->at("fingerprint") != fingerprint) {
    throw ApiError{409, "idempotency_conflict",
                   "this Idempotency-Key was used with another request", "Idempotency-Key"};
  }
  return Response{answer->at("status").get<int>(), "application/json",
                  answer->at("body").get<std::string>()};
}

void Ledger::remember(const std::string& key, const std::string& fingerprint,
                      const Response& response) {
  const std::lock_guard lock(mutex_);
  insert("answers", {{"key", key},
                     {"fingerprint", fingerprint},
                     {"status", response.status},
                     {"body", response.body}});
  auto& answers = state_["answers"].get_ref<json::array_t&>();
  if (answers.size() > kKeptAnswers) answers.erase(answers.begin());
  persist();
}

void Ledger::persist() {
  dirty_ = false;
  if (options_.state_file.empty()) return;
  state_["offset"] = offset_;
  state_["last"] = last_;
  replaceFile(options_.state_file, state_.dump());
}

}  // namespace sandbox
