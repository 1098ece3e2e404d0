#include "core/exports/queue.hpp"

#include <map>

#include "core/base/fault.hpp"
#include "core/base/log.hpp"
#include "core/usage/service.hpp"

namespace ccp::exports {
namespace {

/// What the event adds to the stream "rollups"; nothing unless it tells of accepted usage.
Result<std::vector<NewRecord>> rollupsOf(db::Tx& tx, licensing::Licenses& licenses, const db::OutboxEvent& event) {
  std::vector<NewRecord> out;
  const auto license = licenses.byOrg(tx, event.org);
  if (!license || !mayExportUsage(licenses.entitlements(*license).privacy)) return out;
  auto rollups = usage::UsageService::acceptedIn(tx, event.org, event.at, event.data);
  if (!rollups) {
    // Trying again would not help, and the subject's later events must not wait for ever.
    log::error("exports.usage_unreadable", {{"event", event.id}, {"detail", rollups.error().text()}});
    return out;
  }
  for (const auto& rollup : *rollups) out.push_back(recordOf(rollup));
  return out;
}

}  // namespace

Queue::Queue(db::Db& db, licensing::Licenses& licenses, std::function<void()> wake) : db_(db), licenses_(licenses), wake_(std::move(wake)) {}

Status Queue::take(const db::OutboxEvent& event) {
  const bool usage = event.type == "usage.accepted";
  const auto takers = [&](db::Tx& tx, std::string_view stream) { return repository::takers(tx, stream, tx.now() - kForgottenAfter); };
  // System scope: exporters serve every organization.
  CCP_TRY(const bool wanted, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
    return !takers(tx, kEvents).empty() || (usage && !takers(tx, kRollups).empty());
  }));
  if (!wanted) return {};
  return db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Status {
    for (const auto& instance : takers(tx, kEvents)) repository::append(tx, {instance, std::string(kEvents)}, {recordOf(event)});
    if (const auto instances = usage ? takers(tx, kRollups) : std::vector<std::string>(); !instances.empty()) {
      CCP_TRY(const auto records, rollupsOf(tx, licenses_, event));
      for (const auto& instance : instances) repository::append(tx, {instance, std::string(kRollups)}, records);
    }
    faultPoint("exports.queueing");
    tx.afterCommit(wake_);
    return {};
  });
}

Status Queue::logged(db::Tx& tx, const std::vector<decisions::LoggedDecision>& decisions) {
  const auto takers = repository::takers(tx, kDecisions, tx.now() - kForgottenAfter);
  if (takers.empty()) return {};
  std::map<std::string, bool> may;
  std::vector<NewRecord> records;
  for (const auto& decision : decisions) {
    auto known = may.find(decision.org);
    if (known == may.end()) {
      const auto license = decision.org.empty() ? std::nullopt : licenses_.byOrg(tx, decision.org);
      known = may.emplace(decision.org, decision.org.empty() || (license && mayExportUsage(licenses_.entitlements(*license).privacy))).first;
    }
    if (known->second) records.push_back(recordOf(decision));
  }
  if (records.empty()) return {};
  for (const auto& instance : takers) repository::append(tx, {instance, std::string(kDecisions)}, records);
  tx.afterCommit(wake_);
  return {};
}

}  // namespace ccp::exports
