// Asks providers what happened since we last heard from them, and puts refunds and disputes that no
// webhook brought into the inbox: unlike everything else, no snapshot repeats them.
// Threads: one worker calls.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "core/billing/inbox_repository.hpp"
#include "core/billing/reconcile_report.hpp"
#include "core/plugin/facades/billing_provider.hpp"

namespace ccp::billing {

class MissedEvents {
 public:
  MissedEvents(db::Db& db, InboxRepository& inbox, plugin::BillingProviders& providers,
               const config::LiveSettings& settings, const Clock& clock, Random& random,
               CallBudget& budget, ReconcileLog& log);

  /// Instances whose turn has come; returns how many events went into the inbox.
  Result<int> run(const std::function<bool()>& stop);
  /// Every instance's turn comes with the next run().
  void scheduleAll();

 private:
  Result<int> ask(const std::string& instance, Timestamp since);
  Timestamp since(const std::string& instance);

  db::Db& db_;
  InboxRepository& inbox_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
  CallBudget& budget_;
  ReconcileLog& log_;
  std::mutex mutex_;
  std::map<std::string, Timestamp> next_at_;   ///< when to ask again
  std::map<std::string, Timestamp> asked_to_;  ///< everything before was asked about
  std::set<std::string> without_;              ///< instances whose provider keeps no such list
};

}  // namespace ccp::billing
