// Turns stored webhooks into state: parse, attribute by the customer row, apply. One unit of work
// per delivery, which also settles it, so that a crash at any point neither loses nor doubles.
// Threads: thread-safe.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/billing/inbox_repository.hpp"
#include "core/billing/snapshots.hpp"

namespace ccp::billing {

class Inbox {
 public:
  Inbox(db::Db& db, InboxRepository& inbox, Repository& repository, Snapshots& snapshots,
        plugin::BillingProviders& providers, const Clock& clock, Metrics& metrics);

  /// Processes one stored delivery. A failure postpones it and is returned; a delivery that
  /// somebody else has settled is a success.
  Status process(const std::string& id, const Deadline& deadline);
  /// Decides deliveries in one unit of work. Returns the ids that need a question to the provider or
  /// that failed together with others: each is to be processed alone.
  std::vector<std::string> processTogether(std::vector<Stored> batch);
  static constexpr int kRound = 200;  ///< deliveries that drain() takes at most
  struct Drained {
    int tried = 0;
    int settled = 0;
    /// There may be more, and trying it at once has a point.
    bool more() const noexcept { return tried >= kRound && settled > 0; }
  };
  /// Processes what is due; `everything` also what another thread may be working on (at start, when
  /// that thread died with its process).
  Result<Drained> drain(bool everything, const std::function<bool()>& stop);
  /// Removes deliveries beyond their 90 days.
  Result<std::int64_t> purge();
  Result<InboxCounts> counts();
  Result<std::vector<InboxSummary>> list(const InboxRepository::Filter& filter);
  /// With its body. `not_found`.
  Result<InboxRow> show(const std::string& id);
  /// Processes a settled delivery once more; the row afterwards. `not_found`.
  Result<InboxRow> replay(const std::string& id, const std::string& actor,
                          const Deadline& deadline);

 private:
  /// A waiting row.
  std::optional<Stored> load(const std::string& id);
  /// Fills in what the rows say by themselves: what cannot be read stays without.
  void readTogether(std::vector<Stored>& batch);
  plugin::CallContext contextOf(const InboxRow& row, const Deadline& deadline) const;
  /// What the row says by itself.
  Result<std::vector<plugin::BillingEvent>> told(const InboxRow& row,
                                                 plugin::BillingProvider& provider,
                                                 const plugin::CallContext& context);
  /// The same with what it only names fetched from the provider.
  Result<std::vector<plugin::BillingEvent>> read(const InboxRow& row, const Deadline& deadline);
  Result<Settlement> applyAll(db::Tx& tx, const InboxRow& row,
                              const std::vector<plugin::BillingEvent>& events);
  Status applyOne(db::Tx& tx, const InboxRow& row, const plugin::BillingEvent& event,
                  Settlement& settled);
  Status postpone(const InboxRow& row, const Error& error);
  void tellParked(const InboxRow& row, const Settlement& settled);

  db::Db& db_;
  InboxRepository& inbox_;
  Repository& repository_;
  Snapshots& snapshots_;
  plugin::BillingProviders& providers_;
  const Clock& clock_;
  Metrics& metrics_;
};

}  // namespace ccp::billing
