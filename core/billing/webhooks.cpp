#include "core/billing/webhooks.hpp"

#include <algorithm>
#include <array>
#include <cctype>

#include "core/base/encoding.hpp"
#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/billing/rules.hpp"

namespace ccp::billing {

namespace {

/// The receiving thread works on a fresh row first; the worker leaves it alone for this long.
constexpr Duration kHeadStart = seconds(5);

bool isRefusal(Errc code) {
  return code == Errc::signature_invalid || code == Errc::signature_stale ||
         code == Errc::key_unknown || code == Errc::unauthenticated || code == Errc::bad_request ||
         code == Errc::bad_encoding || code == Errc::validation_failed;
}

/// An index takes no longer ids, and no provider has them.
std::string boundedId(const std::string& id) {
  constexpr std::size_t kLongest = 255;
  return id.size() <= kLongest ? id : "sha256:" + sha256Hex(id);
}

}  // namespace

HeaderList withoutCredentials(const HeaderList& headers) {
  static constexpr std::array kDropped{"authorization", "proxy-authorization", "cookie", "dpop",
                                       "x-api-key"};
  HeaderList out;
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const bool dropped = std::find(kDropped.begin(), kDropped.end(), lower) != kDropped.end();
    if (!dropped && !log::isSecretName(lower)) out.emplace_back(name, value);
  }
  return out;
}

Webhooks::Webhooks(db::Db& db, InboxRepository& inbox, plugin::BillingProviders& providers,
                   const config::LiveSettings& settings, const Clock& clock, Random& random,
                   Metrics& metrics)
    : inbox_(inbox),
      // System scope: whose webhook it is is decided later, from the customer row.
      arrivals_(db,
                [this](db::Tx& tx,
                       const std::vector<const Arrival*>& batch) -> Result<std::vector<bool>> {
                  auto fresh = inbox_.addAll(tx, batch);
                  faultPoint("webhook.after_store");
                  return fresh;
                }),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random),
      metrics_(metrics) {}

void Webhooks::count(const std::string& instance, const char* outcome) {
  metrics_
      .counter("ccp_webhooks_received_total", "Webhook deliveries by outcome",
               {{"instance", instance}, {"outcome", outcome}})
      .add();
}

Result<std::string> Webhooks::instanceOf(const std::string& plugin_id) const {
  const auto settings = settings_.now();
  for (const auto& instance : settings->plugins) {
    if (instance.plugin == plugin_id) return instance.name;
  }
  return fail(Errc::not_found, "No instance of " + plugin_id + " is configured.");
}

Result<std::shared_ptr<plugin::BillingProvider>> Webhooks::provider(
    const std::string& instance) const {
  auto found = providers_.find(instance);
  if (found) return found;
  if (found.error().code == Errc::not_found)
    return fail(Errc::not_found, "No billing instance has this name.");
  return fail(Errc::plugin_unavailable, found.error().detail);
}

/// A delivery on its way.
struct Webhooks::Received {
  explicit Received(Delivery&& what) : delivery(std::move(what)) {}
  plugin::Webhook raw() const { return {delivery.headers, delivery.body}; }

  Delivery delivery;
  plugin::WebhookFacts facts = {};
  std::optional<std::vector<plugin::BillingEvent>> events = {};
  std::optional<Arrival> arrival = {};
  Result<Accepted> answer = Accepted{};  ///< an error ends the way
};

Error Webhooks::refusal(const std::string& instance, const Error& error) {
  if (!isRefusal(error.code)) {
    count(instance, "unavailable");
    return {Errc::plugin_unavailable,
            "The plugin of " + instance + " could not verify the webhook: " + error.detail,
            {},
            5};
  }
  count(instance, "refused");
  log::warn("billing.webhook_refused",
            {{"instance", instance}, {"code", error.name()}, {"detail", error.detail}});
  if (error.code == Errc::signature_stale) return error;
  return {Errc::signature_invalid, error.detail};
}

void Webhooks::verify(plugin::BillingProvider& provider, std::vector<Received>& all) {
  plugin::CallContext context;
  std::vector<Received*> asked;
  std::vector<plugin::Webhook> raw;
  for (auto& received : all) {
    const Deadline& deadline = received.delivery.deadline;
    if (deadline.expired(clock_)) {
      // Nobody waits for it any more, and the others are not to hurry because of it.
      received.answer = fail(
          Error{Errc::overloaded,
                "The webhook waited too long for the plugin of " + received.delivery.instance + ".",
                {},
                5});
      continue;
    }
    // They came at about the same time; the last one's serves all.
    context.deadline = deadline;
    context.request_id = received.delivery.request_id;
    asked.push_back(&received);
    raw.push_back(received.raw());
  }
  if (asked.empty()) return;
  auto facts = provider.verifyWebhooks(context, raw);
  std::vector<Received*> silent;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    Received& received = *asked[i];
    if (!facts[i]) {
      received.answer = fail(refusal(received.delivery.instance, facts[i].error()));
      continue;
    }
    received.facts = std::move(*facts[i]);
    if (received.facts.event_id.empty() || received.facts.type.empty()) silent.push_back(&received);
  }
  if (silent.empty()) return;
  // Plugins that do not tell the id as they verify.
  raw.clear();
  for (const Received* received : silent) raw.push_back(received->raw());
  auto read = provider.parseWebhooks(context, raw);
  for (std::size_t i = 0; i < silent.size(); ++i) {
    if (read[i]) silent[i]->events = std::move(*read[i]);
  }
}

InboxRow Webhooks::rowOf(Received& received) {
  InboxRow row;
  row.id = newId("whk", clock_, random_);
  row.instance = received.delivery.instance;
  row.headers = withoutCredentials(received.delivery.headers);
  row.received_at = clock_.now();
  // A verified body that does not parse is kept all the same: a later version of the plugin may
  // know it, and the worker tries again before it gives up.
  static const std::vector<plugin::BillingEvent> kNone;
  const auto& events = received.events ? *received.events : kNone;
  row.event_id = received.facts.event_id;
  row.event_type = received.facts.type;
  if (events.size() == 1) row.event_id = events.front().event_id;
  if (!events.empty()) row.event_type = events.front().type;
  // One event: the provider's id. Several or none: the delivery as a whole, by its bytes.
  row.event_id = row.event_id.empty() ? "sha256:" + sha256Hex(received.delivery.body)
                                      : boundedId(row.event_id);
  if (row.event_type.empty()) row.event_type = "unparsed";
  for (const auto& event : events) {
    if (row.provider_customer_id.empty()) row.provider_customer_id = customerOf(event);
  }
  row.body = std::move(received.delivery.body);
  return row;
}

void Webhooks::store(std::vector<Received>& all) {
  std::vector<const Arrival*> arrivals;
  std::vector<Received*> genuine;
  for (auto& received : all) {
    if (!received.answer) continue;
    InboxRow row = rowOf(received);
    const Timestamp look_again_at = row.received_at + kHeadStart;
    received.arrival.emplace(Arrival{std::move(row), look_again_at});
    arrivals.push_back(&*received.arrival);
    genuine.push_back(&received);
  }
  if (arrivals.empty()) return;
  faultPoint("webhook.before_store");
  const auto added = arrivals_.writeAll(std::move(arrivals));
  faultPoint("webhook.after_commit");
  for (std::size_t i = 0; i < genuine.size(); ++i) {
    Received& received = *genuine[i];
    if (!added[i]) {
      received.answer = fail(added[i].error());
      continue;
    }
    count(received.delivery.instance, *added[i] ? "stored" : "duplicate");
    if (*added[i]) {
      InboxRow& row = received.arrival->row;
      received.answer = Accepted{row.id, false, Stored{std::move(row), std::move(received.events)}};
    } else {
      received.answer = Accepted{{}, true, {}};
    }
  }
}

std::vector<Result<Accepted>> Webhooks::accept(const std::string& instance,
                                               std::vector<Delivery> deliveries) {
  std::vector<Result<Accepted>> out;
  out.reserve(deliveries.size());
  const auto found = provider(instance);
  if (!found) {
    out.assign(deliveries.size(), Result<Accepted>(fail(found.error())));
    return out;
  }
  std::vector<Received> all;
  all.reserve(deliveries.size());
  for (auto& delivery : deliveries) all.emplace_back(std::move(delivery));
  verify(**found, all);
  store(all);
  for (auto& received : all) out.push_back(std::move(received.answer));
  return out;
}

}  // namespace ccp::billing
