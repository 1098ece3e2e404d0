// Fills the export queue: from the outbox, one row per record and exporter, in one unit of work per event;
// and from the log of decisions, in the unit of work that logs them.
// Threads: take() by the outbox dispatcher, one event at a time; logged() by the log's writer.
#pragma once

#include <functional>

#include "core/base/error.hpp"
#include "core/db/db.hpp"
#include "core/db/outbox.hpp"
#include "core/decisions/service.hpp"
#include "core/exports/repository.hpp"
#include "core/licensing/service.hpp"

namespace ccp::exports {

class Queue final : public decisions::LogTap {
 public:
  /// An exporter that no node has had in its configuration for this long gets no more records.
  static constexpr Duration kForgottenAfter = hours(24);

  /// `wake` runs after a commit that queued something.
  Queue(db::Db& db, licensing::Licenses& licenses, std::function<void()> wake);

  /// The outbox subscriber: idempotent by the ids of the records.
  Status take(const db::OutboxEvent& event);
  /// Decisions are usage data: those of an organization whose data stays at home do not go out.
  Status logged(db::Tx& tx, const std::vector<decisions::LoggedDecision>& decisions) override;

 private:
  db::Db& db_;
  licensing::Licenses& licenses_;
  std::function<void()> wake_;
};

}  // namespace ccp::exports
