// Billing as core/app builds it: the parts in their order of dependence, the worker, the routes.
#pragma once

#include <functional>
#include <string>

#include "core/billing/catalog.hpp"
#include "core/billing/changes.hpp"
#include "core/billing/checkouts.hpp"
#include "core/billing/doctor.hpp"
#include "core/billing/inbox.hpp"
#include "core/billing/intake.hpp"
#include "core/billing/moves.hpp"
#include "core/billing/portal.hpp"
#include "core/billing/reception.hpp"
#include "core/billing/reconciler.hpp"
#include "core/billing/reminders.hpp"
#include "core/billing/service.hpp"
#include "core/billing/webhooks.hpp"
#include "core/billing/worker.hpp"
#include "core/db/migrations.hpp"
#include "core/http/router.hpp"

namespace ccp::billing {

extern const db::MigrationSet kMigrations;

class Feature final : public Billing {
 public:
  /// Everything passed must outlive the feature.
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Random& random;
    Metrics& metrics;
    const config::LiveSettings& settings;
    identity::Directory& directory;
    licensing::Licenses& licenses;
    plugin::BillingProviders& providers;
    net::Mailer* mailer = nullptr;  ///< null: owners get no reminders
  };
  explicit Feature(const Deps& deps);
  ~Feature() override;

  /// `config_invalid` when an instance with subscriptions is not among the billing instances that
  /// `serves` knows, with their count. At start after migrations, and before a reload is applied.
  Status checkInstances(const std::function<bool(const std::string& instance)>& serves);
  /// Who uses the catalog now.
  Result<CatalogUse> catalogUse();
  /// `catalog_in_use` when `wanted` drops what running subscriptions are known by; before a reload.
  Status checkCatalog(const config::PlanCatalog& running, const config::PlanCatalog& wanted);
  /// At start: logs prices that subscriptions run on and the catalog has lost. They keep what they have; a
  /// server that does not start would serve nobody.
  Status tellUnknownPrices();
  /// Receives one delivery: `done` is called once it is stored for certain, or refused
  /// (reception.hpp).
  void receive(Delivery delivery, Reception::Done done);
  Result<BillingHealth> health(const Deadline& deadline) override;
  std::optional<MeteredCustomer> meteredCustomer(db::Tx& tx, const std::string& org) override;

  Catalog& catalog() noexcept { return catalog_; }
  Checkouts& checkouts() noexcept { return checkouts_; }
  Moves& moves() noexcept { return moves_; }
  Portal& portal() noexcept { return portal_; }
  Changes& changes() noexcept { return changes_; }
  Webhooks& webhooks() noexcept { return webhooks_; }
  Inbox& inbox() noexcept { return inbox_; }
  /// start() when serving: without it the thread that brings a webhook also verifies and stores it.
  Reception& reception() noexcept { return reception_; }
  /// start() when serving: without it the thread that receives a webhook also decides it.
  Intake& intake() noexcept { return intake_; }
  Doctor& doctor() noexcept { return doctor_; }
  Reconciler& reconciler() noexcept { return reconciler_; }
  Reminders& reminders() noexcept { return reminders_; }
  /// start() when serving, stop() before plugins and database go.
  Worker& worker() noexcept { return worker_; }

 private:
  void decide(Stored stored, const Deadline& deadline);

  Deps deps_;
  Repository repository_;
  InboxRepository inbox_repository_;
  MoveRepository move_repository_;
  Snapshots snapshots_;
  Catalog catalog_;
  Checkouts checkouts_;
  Moves moves_;
  Portal portal_;
  Changes changes_;
  Webhooks webhooks_;
  Inbox inbox_;
  Reconciler reconciler_;
  Doctor doctor_;
  Worker worker_;
  Reception reception_;
  Intake intake_;  ///< asks reception_ how much is under way, so it goes first
  Reminders reminders_;
};

}  // namespace ccp::billing
