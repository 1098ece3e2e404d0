// What the provider knows: customers, checkouts, subscriptions, payments, refunds, disputes and the
// events that it sends. Every public call is one transaction: it runs under one lock, and the state
// file (if any) is written before it returns. Failures are ApiError.
// Threads: thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "wire.hpp"

namespace sandbox {

struct LedgerOptions {
  std::string state_file;  ///< empty: nothing outlives the process
  json catalog = json::
      array();  ///< [{"id","product_id","name","amount_minor","currency","interval","trial_days"}]
  std::int64_t default_amount_minor = 2900;  ///< of a price that the catalog does not name
  /// Micros at which time stands still but for advance(), with ids that count: recordings. 0: wall time.
  std::int64_t standing_clock = 0;
};

/// One event to deliver, as the webhook sender takes it.
struct OutgoingEvent {
  std::string id;
  std::string type;
  std::string body;
  std::string thin_body;  ///< the same with only the object's id and kind
};

/// Result of a card that a person typed.
struct CardResult {
  bool accepted = false;
  std::string message;
};

class Ledger {
 public:
  explicit Ledger(LedgerOptions options);
  /// Receives each new event, and at once every event of the state file that was not delivered.
  /// Called under the ledger's lock: only queue.
  void onEvent(std::function<void(const OutgoingEvent&)> sink);
  void setPublicUrl(std::string url);

  // Customers. An e-mail address and an external id belong to one customer each.
  json createCustomer(const json& body);
  json updateCustomer(const std::string& id, const json& body);
  json customer(const std::string& id);
  /// Ends what it has and takes it out of every list; its e-mail address is free again.
  json deleteCustomer(const std::string& id);

  // Checkout.
  json createCheckout(const json& body);
  json checkout(const std::string& id);
  json expireCheckout(const std::string& id);
  /// A person pressed Pay. A declined card leaves the checkout open.
  CardResult payCheckout(const std::string& id, const std::string& card_number);

  // Subscriptions.
  json subscription(const std::string& id);
  json updateSubscription(const std::string& id, const json& body);

  // Money.
  json createRefund(const json& body);
  json openDispute(const json& body);
  json closeDispute(const std::string& id, const std::string& outcome);
  json recordUsage(const json& body);

  json createPortalSession(const json& body);
  /// The customer of a portal session; 404 when it is unknown or over.
  json portalCustomer(const std::string& session_id);

  /// A page of a table: `filters` are equalities; `cursor` is the last id of the page before.
  json list(const std::string& table, const std::map<std::string, std::string>& query,
            const std::vector<std::string>& filters);
  json prices() const;

  // Webhooks.
  json endpoint();
  json updateEndpoint(const json& body);
  json redeliver(const std::string& event_id);
  json event(const std::string& id);
  /// Written to the state file by the next change or settle(): what a crash loses of it is
  /// delivered once more.
  void recordDelivery(const std::string& event_id, int attempt, int http_status,
                      const std::string& state);

  // Test controls.
  json clock();
  /// Moves time forward; everything that falls due happens in order.
  json advance(std::int64_t micros);
  /// Lets everything happen that real time made due, and writes what is not written yet.
  void settle();
  json chargeNow(const std::string& subscription_id, const std::string& outcome);
  json setNextOutcome(const std::string& subscription_id, const std::string& outcome);
  json sendEvent(const json& body);

  // Idempotency-Key: the answer of the first request, or nothing; 409 for another request.
  std::optional<Response> replay(const std::string& key, const std::string& fingerprint);
  void remember(const std::string& key, const std::string& fingerprint, const Response& response);

 private:
  friend class Transaction;
  using Micros = std::int64_t;

  Micros now() const;
  std::string freshId(std::string_view prefix);
  /// A time that no earlier change has.
  Micros stamp(Micros at = 0);
  json& find(const std::string& table, const std::string& id);
  json* findBy(const std::string& table, const char* key, const std::string& value);
  json& insert(const std::string& table, json document);
  json show(const std::string& table, const json& document) const;
  OutgoingEvent outgoing(const json& event) const;
  void emit(const std::string& type, const std::string& table, const json& object, Micros at);
  void touch(json& document, Micros at) { document["modified_at"] = at; }
  json priceOf(const json& body) const;

  // Life of a subscription (subscriptions.cpp).
  json& startSubscription(const json& checkout, const std::string& card, Micros at);
  void settleUntil(Micros until);
  std::optional<Micros> nextDue(const json& subscription) const;
  void advanceSubscription(json& subscription, Micros at);
  bool charge(json& subscription, const std::string& reason, Micros at);
  void renew(json& subscription, Micros from, const std::string& reason, Micros at);
  void end(json& subscription, Micros at);
  void pause(json& subscription, Micros at);
  void changed(json& subscription, const std::string& type, Micros at);

  void persist();

  LedgerOptions options_;
  std::mutex mutex_;
  json state_;
  Micros offset_ = 0;
  Micros last_ = 0;
  std::int64_t ids_ = 0;  ///< given out with a standing clock
  bool dirty_ = false;  ///< delivery marks that the state file does not have yet
  std::string public_url_;
  std::function<void(const OutgoingEvent&)> sink_;
};

}  // namespace sandbox
