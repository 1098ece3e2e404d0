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

/// One event: the provider's id. Several or none: the delivery as a whole, by its bytes.
std::string dedupeKey(const std::vector<plugin::BillingEvent>& events, std::string_view body) {
  constexpr std::size_t kLongest = 255;  // an index takes no longer ones, and no provider has them
  if (events.size() == 1 && !events.front().event_id.empty()) {
    const std::string& id = events.front().event_id;
    return id.size() <= kLongest ? id : "sha256:" + sha256Hex(id);
  }
  return "sha256:" + sha256Hex(body);
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

Result<Accepted> Webhooks::accept(const Delivery& delivery) {
  const auto provider = providers_.find(delivery.instance);
  if (!provider) {
    if (provider.error().code == Errc::not_found)
      return fail(Errc::not_found, "No billing instance has this name.");
    return fail(Errc::plugin_unavailable, provider.error().detail);
  }
  plugin::CallContext context;
  context.deadline = delivery.deadline;
  context.request_id = delivery.request_id;
  const auto received = (*provider)->receiveWebhook(context, delivery.headers, delivery.body);
  if (!received.verified) {
    const Error& error = received.verified.error();
    if (!isRefusal(error.code)) {
      count(delivery.instance, "unavailable");
      return fail(Error{
          Errc::plugin_unavailable,
          "The plugin of " + delivery.instance + " could not verify the webhook: " + error.detail,
          {},
          5});
    }
    count(delivery.instance, "refused");
    log::warn("billing.webhook_refused",
              {{"instance", delivery.instance}, {"code", error.name()}, {"detail", error.detail}});
    if (error.code == Errc::signature_stale) return fail(error);
    return fail(Errc::signature_invalid, error.detail);
  }
  return store(delivery, received.events);
}

Result<Accepted> Webhooks::store(const Delivery& delivery,
                                 const Result<std::vector<plugin::BillingEvent>>& events) {
  InboxRow row;
  row.id = newId("whk", clock_, random_);
  row.instance = delivery.instance;
  row.headers = withoutCredentials(delivery.headers);
  row.body = std::string(delivery.body);
  row.received_at = clock_.now();
  // A verified body that does not parse is kept all the same: a later version of the plugin may
  // know it, and the worker tries again before it gives up.
  static const std::vector<plugin::BillingEvent> kNone;
  const auto& list = events ? *events : kNone;
  row.event_id = dedupeKey(list, delivery.body);
  row.event_type = list.empty() ? "unparsed" : list.front().type;
  for (const auto& event : list) {
    if (row.provider_customer_id.empty()) row.provider_customer_id = customerOf(event);
  }
  faultPoint("webhook.before_store");
  const Timestamp look_again_at = row.received_at + kHeadStart;
  Arrival arrival{std::move(row), look_again_at};
  const auto added = arrivals_.write(arrival);
  if (!added) return fail(added.error());
  faultPoint("webhook.after_commit");
  count(delivery.instance, *added ? "stored" : "duplicate");
  if (!*added) return Accepted{{}, true, {}};
  Accepted out{arrival.row.id, false, {}};
  if (events) out.stored = Stored{std::move(arrival.row), *events};
  return out;
}

}  // namespace ccp::billing
