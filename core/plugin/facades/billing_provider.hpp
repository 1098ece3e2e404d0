// ccp.billing/1 as the billing feature sees it: typed requests and answers over a plugin slot.
// JSON shapes: sdk/schemas/ccp.billing/. Threads: thread-safe.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/plugin/facades/call_context.hpp"

namespace ccp::plugin {

/// Provider-neutral subscription state (architecture.md 2.2). Text form: snake_case names.
enum class SubscriptionStatus { incomplete, incomplete_expired, trialing, active, past_due, paused, unpaid, canceled, unknown };
const char* toString(SubscriptionStatus status) noexcept;
SubscriptionStatus subscriptionStatusFrom(std::string_view text) noexcept;

/// One whole subscription as the provider has it at `modified_at`.
struct SubscriptionSnapshot {
  std::string id;           ///< provider's id
  std::string customer_id;  ///< provider's id
  SubscriptionStatus status = SubscriptionStatus::unknown;
  std::string product_id;
  std::string price_id;
  std::int64_t quantity = 1;
  std::int64_t amount_minor = 0;
  std::string currency;
  std::optional<Timestamp> period_start_at, period_end_at, trial_end_at, ends_at, past_due_at, paused_at, resumes_at, modified_at;
  bool cancel_at_period_end = false;
  Json json() const;
  static Result<SubscriptionSnapshot> from(const Json& json);
};

enum class BillingEventKind { subscription, payment, refund, dispute, customer, checkout, fetch, ignored };
const char* toString(BillingEventKind kind) noexcept;

struct BillingEvent {
  std::string event_id;  ///< provider's, our dedupe key
  std::string type;      ///< provider's word
  BillingEventKind kind = BillingEventKind::ignored;
  std::optional<Timestamp> occurred_at;
  bool livemode = false;
  std::string customer_id;
  std::string subscription_id;  ///< what a refund, dispute, payment or fetch is about; may be empty
  std::optional<SubscriptionSnapshot> subscription;
  /// refund and dispute: "full", "partial", "opened", "won", "lost"; else empty.
  std::string outcome;
  std::optional<std::int64_t> amount_minor;
  std::string currency;
  Json fetch;  ///< kind fetch: what fetch_event takes
  Json json() const;
  static Result<BillingEvent> from(const Json& json);
};

struct Checkout {
  std::string id;
  std::string url;
  std::string status;  ///< open, expired, confirmed, succeeded, failed
  std::string customer_id;
  std::string subscription_id;
};

struct CheckoutRequest {
  std::string org_id;
  std::string customer_id;   ///< from ensureCustomer
  std::string customer_email;
  std::string product_id;
  std::string price_id;
  std::int64_t quantity = 1;
  int trial_days = 0;
  std::optional<Timestamp> first_charge_at;  ///< access now, first payment then; without trial_days
  std::string success_url;   ///< set by the server; may hold {CHECKOUT_ID}
  std::string return_url;
  std::map<std::string, std::string> metadata;
};

struct SubscriptionChange {
  std::string subscription_id;
  std::string action;  ///< plan, quantity, cancel, uncancel, pause, resume
  bool at_period_end = true;
  std::optional<std::int64_t> quantity;
  std::string product_id, price_id;  ///< action plan
  std::string proration = "now";     ///< now, next_period, none
};

/// What one org used of one meter in one hour.
struct UsageRecord {
  std::string id;  ///< dedupe key, stable across retries
  std::string org_id, customer_id;
  std::string meter;
  std::int64_t quantity = 0;  ///< whole value of the window
  std::int64_t delta = 0;     ///< change since the last record of this window
  Timestamp window_start_at{};
  Timestamp occurred_at{};  ///< within the window; a later record of it is later
};

/// One thing that the provider sells.
struct ProviderOffer {
  std::string product_id, price_id, name;
  std::optional<std::int64_t> amount_minor;  ///< nothing: by usage, or not one amount
  std::string currency;
  std::string interval;  ///< "month", "year"; empty: paid once
  bool archived = false;
};

using HeaderList = std::vector<std::pair<std::string, std::string>>;

/// A delivery as it came: what a signature is over.
struct Webhook {
  const HeaderList& headers;
  std::string_view body;
};

/// What a plugin tells of a genuine delivery without reading it whole; empty: it tells nothing, ask parseWebhook.
struct WebhookFacts {
  std::string event_id;  ///< of its one event, as parseWebhook says it: the dedupe key
  std::string type;      ///< provider's word
};

class BillingProvider {
 public:
  virtual ~BillingProvider() = default;
  virtual const std::string& instance() const = 0;

  /// Finds or makes the provider's customer of an org. `email` may already belong to another org's
  /// customer: the plugin copes (contracts.md 1) and the org id is what counts.
  virtual Result<std::string> ensureCustomer(const CallContext& ctx, const std::string& org_id, const std::string& email, const std::string& name) = 0;
  virtual Result<Checkout> createCheckout(const CallContext& ctx, const CheckoutRequest& request) = 0;
  virtual Result<Checkout> getCheckout(const CallContext& ctx, const std::string& checkout_id) = 0;
  /// URL of the provider's portal, valid for a short time.
  virtual Result<std::string> createPortalLink(const CallContext& ctx, const std::string& customer_id, const std::string& org_id, const std::string& return_url) = 0;
  virtual Result<SubscriptionSnapshot> getSubscription(const CallContext& ctx, const std::string& subscription_id) = 0;
  struct SubscriptionPage {
    std::vector<SubscriptionSnapshot> items;
    std::string next_cursor;  ///< empty: last page
  };
  /// Without a customer: of the whole account; `unimplemented` when the provider has no such list.
  virtual Result<SubscriptionPage> listSubscriptions(const CallContext& ctx, const std::string& customer_id, const std::string& cursor) = 0;
  /// Pure: `signature_invalid`, `signature_stale`, or what it is, for each delivery. The deadline is for all
  /// of them: behind one that hangs the others are not asked about.
  virtual std::vector<Result<WebhookFacts>> verifyWebhooks(const CallContext& ctx, const std::vector<Webhook>& deliveries) = 0;
  /// Pure: the events of each verified delivery; unknown types come back as kind ignored.
  virtual std::vector<Result<std::vector<BillingEvent>>> parseWebhooks(const CallContext& ctx, const std::vector<Webhook>& deliveries) = 0;
  virtual Result<std::vector<BillingEvent>> fetchEvent(const CallContext& ctx, const Json& what) = 0;
  /// The snapshot after the change; `unimplemented` for what the provider cannot do.
  virtual Result<SubscriptionSnapshot> changeSubscription(const CallContext& ctx, const SubscriptionChange& change) = 0;
  virtual Status reportUsage(const CallContext& ctx, const std::vector<UsageRecord>& records) = 0;
  struct OfferPage {
    std::vector<ProviderOffer> items;
    std::string next_cursor;
  };
  virtual Result<OfferPage> listPrices(const CallContext& ctx, const std::string& cursor) = 0;
  struct EventPage {
    std::vector<BillingEvent> events;
    std::string next_cursor;
  };
  /// What happened since; `unimplemented` when the provider keeps no such list.
  /// `kinds` narrows what is asked for; more may come.
  virtual Result<EventPage> listEvents(const CallContext& ctx, Timestamp since, const std::vector<BillingEventKind>& kinds, const std::string& cursor) = 0;
  /// Findings for `ccp doctor`: [{"level","code","text"}].
  virtual Result<Json> diagnose(const CallContext& ctx) = 0;
};

/// Looks instances up by name; `not_found` with the names that exist.
class BillingProviders {
 public:
  virtual ~BillingProviders() = default;
  virtual Result<std::shared_ptr<BillingProvider>> find(const std::string& instance) = 0;
  virtual std::vector<std::string> instances() const = 0;
};

}  // namespace ccp::plugin
