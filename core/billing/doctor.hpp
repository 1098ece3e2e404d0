// Compares what providers say with what we hold, customer by customer, explains every difference and
// repairs what the provider's word can repair. A run is read page by page, so that a large account
// is no long request. Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/billing/differences.hpp"
#include "core/billing/inbox.hpp"
#include "core/billing/moves.hpp"

namespace ccp::billing {

struct DoctorPage {
  struct Item {
    Difference difference;
    bool repaired = false;
    std::string repair_error;  ///< why a repair did not work
  };
  std::vector<Item> items;
  std::int64_t customers = 0;  ///< compared in this page
  std::int64_t subscriptions = 0;
  std::string next_cursor;  ///< empty: that was the last page
};

class Doctor {
 public:
  Doctor(db::Db& db, Repository& repository, InboxRepository& inbox_rows, Inbox& inbox,
         MoveRepository& moves, Snapshots& snapshots, plugin::BillingProviders& providers,
         const config::LiveSettings& settings, const Clock& clock, Random& random);

  struct Question {
    std::string org;     ///< empty: everybody
    std::string cursor;  ///< empty: the first page, which also looks at accounts and catalog
    bool repair = false;
  };
  Result<DoctorPage> look(const Question& question, const plugin::CallContext& context);

 private:
  void lookAtInbox(DoctorPage& page);
  void lookAtMoves(DoctorPage& page);
  void lookAtAccount(const std::string& instance, bool repair, const plugin::CallContext& context,
                     DoctorPage& page);
  void lookAtMarks(const std::string& instance, plugin::BillingProvider& provider, bool repair,
                   const plugin::CallContext& context, DoctorPage& page);
  /// `event`: what `listed` says in full.
  void lookAtMark(const std::string& instance, const plugin::BillingEvent& listed,
                  const plugin::BillingEvent& event, bool repair,
                  const plugin::CallContext& context, DoctorPage& page);
  Status lookAtCustomer(const Customer& customer, bool repair, plugin::CallContext context,
                        DoctorPage& page);
  Status lookAtOrg(const std::string& org, DoctorPage& page);
  void add(DoctorPage& page, Difference difference, const Status* repair = nullptr);

  db::Db& db_;
  Repository& repository_;
  InboxRepository& inbox_rows_;
  Inbox& inbox_;
  MoveRepository& moves_;
  Snapshots& snapshots_;
  plugin::BillingProviders& providers_;
  const config::LiveSettings& settings_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace ccp::billing
