// SQL of the webhook inbox. Runs in system scope: a webhook has no org until it is attributed.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/db/db.hpp"
#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::billing {

using plugin::HeaderList;

/// One verified delivery. States: received → processed | parked (customer unknown) | dead (gave
/// up).
struct InboxRow {
  std::string id;  ///< whk_…
  std::string org;
  std::string instance;
  std::string event_id;
  std::string event_type;
  std::string provider_customer_id;
  HeaderList headers;
  std::string body;  ///< raw bytes
  std::string state;
  std::int64_t attempts = 0;
  std::string error;
  Timestamp received_at{};
  std::string source = "webhook";  ///< or "list": body is the event as list_events told it
};

/// A row to be stored, and when somebody should look at it who did not store it.
struct Arrival {
  InboxRow row;
  Timestamp next_attempt_at;
};

/// A row that waits, with what it says if that is known already.
struct Stored {
  InboxRow row;
  std::optional<std::vector<plugin::BillingEvent>> events;
};

/// How a delivery ends.
struct Settlement {
  std::string state = "processed";   ///< or parked, dead
  std::string org;                   ///< whose it is; may be empty
  std::string provider_customer_id;  ///< whom it names; empty: as it was stored
  std::string error;
};

/// An event that the provider listed, as a row to be processed like a delivery.
InboxRow listedRow(const std::string& instance, const plugin::BillingEvent& event, std::string id,
                   Timestamp now);

struct InboxSummary {
  std::string id, org, instance, event_id, event_type, provider_customer_id, state, error, source;
  std::int64_t attempts = 0;
  Timestamp received_at{};
  std::optional<Timestamp> processed_at;
};

struct InboxCounts {
  std::int64_t received = 0;
  std::int64_t parked = 0;
  std::int64_t dead = 0;
};

class InboxRepository {
 public:
  /// False when (instance, event id) is already there.
  bool add(db::Tx& tx, const InboxRow& row, Timestamp next_attempt_at);
  /// The same for many, in as many statements as for one.
  std::vector<bool> addAll(db::Tx& tx, const std::vector<const Arrival*>& arrivals);
  std::optional<InboxRow> find(db::Tx& tx, const std::string& id);
  /// Ids of unprocessed rows that are due before `now`, oldest first.
  std::vector<std::string> due(db::Tx& tx, Timestamp now, int limit);
  /// Whether a row is still to be decided.
  bool isWaiting(db::Tx& tx, const std::string& id);
  /// Settles a row that is still `received`; false when somebody else was faster.
  bool settle(db::Tx& tx, const std::string& id, const Settlement& how);
  void postpone(db::Tx& tx, const std::string& id, std::int64_t attempts, Timestamp next_attempt_at,
                const std::string& error);
  /// The customer became known: its parked rows are to be tried again. Returns how many.
  std::int64_t unpark(db::Tx& tx, const std::string& instance,
                      const std::string& provider_customer_id);
  /// Deliveries as operators see them, newest first; without bodies. `after`: id of the last seen.
  struct Filter {
    std::string state, instance, org, after;
    int limit = 50;
  };
  std::vector<InboxSummary> list(db::Tx& tx, const Filter& filter);
  /// A settled row is to be processed once more, from its first try; false when there is no such
  /// row or it waits anyway.
  bool replay(db::Tx& tx, const std::string& id);
  /// The same by the provider's event id; the row's id, or nothing.
  std::optional<std::string> again(db::Tx& tx, const std::string& instance,
                                   const std::string& event_id);
  InboxCounts counts(db::Tx& tx);
  /// Removes settled rows received before `limit_at`; returns how many.
  std::int64_t purge(db::Tx& tx, Timestamp limit_at);
};

}  // namespace ccp::billing
