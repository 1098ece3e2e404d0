#include "core/exports/feature.hpp"

#include <algorithm>

namespace ccp::exports {
namespace {

std::string subjectOf(const Lane& lane) { return lane.instance + "/" + lane.stream; }

tl::unexpected<Error> noSuchLane(const Lane& lane) {
  return fail(Errc::not_found, "No exporter has the stream \"" + subjectOf(lane) + "\"; `ccp admin exports list` shows them.");
}

}  // namespace

Feature::Feature(const Deps& deps)
    : deps_(deps), worker_({deps.db, deps.clock, deps.random, deps.metrics, deps.exporters}), queue_(deps.db, deps.licenses, [this] { worker_.wake(); }) {}

Status Feature::subscribe(db::OutboxDispatcher& outbox) {
  CCP_CHECK_OK(worker_.registerLanes());
  outbox.subscribe("exports", {}, [this](const db::OutboxEvent& event) { return queue_.take(event); });
  return {};
}

bool Feature::configured(const std::string& instance) const {
  const auto names = deps_.exporters.exporterInstances();
  return std::find(names.begin(), names.end(), instance) != names.end();
}

Result<std::vector<LaneReport>> Feature::list() {
  // System scope, here and below: an exporter serves every organization.
  CCP_TRY(auto rows, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<LaneStatus>> { return repository::list(tx); }));
  std::vector<LaneReport> out;
  for (auto& row : rows) {
    const bool here = configured(row.lane.instance);
    out.push_back({std::move(row), here});
  }
  return out;
}

Result<LaneReport> Feature::retry(const Lane& lane, const std::string& actor) {
  auto changed = deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Result<LaneReport> {
    const auto before = repository::status(tx, lane);
    if (!before) return noSuchLane(lane);
    const bool resumed = before->state == StreamState::disabled && repository::setState(tx, lane, StreamState::active, "");
    repository::makeDue(tx, lane);
    auto after = *repository::status(tx, lane);
    tx.audit({"", actor, "export.retry", subjectOf(lane), Json::object({{"state", toString(before->state)}, {"attempts", static_cast<long long>(before->attempts)}}),
              Json::object({{"state", toString(after.state)}, {"attempts", 0}}), ""});
    if (resumed) tx.emit({"export.resumed", "", subjectOf(lane), Json::object({{"instance", lane.instance}, {"stream", lane.stream}})});
    tx.afterCommit([this] { worker_.wake(); });
    return LaneReport{std::move(after), false};
  });
  if (changed) changed->configured = configured(lane.instance);
  return changed;
}

Result<std::int64_t> Feature::discard(const Lane& lane, const std::string& reason, const std::string& actor) {
  const bool here = configured(lane.instance);
  return deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Result<std::int64_t> {
    if (!repository::status(tx, lane)) return noSuchLane(lane);
    const auto dropped = repository::discard(tx, lane);
    if (here) repository::makeDue(tx, lane);
    else repository::forget(tx, lane);
    tx.audit({"", actor, "export.discard", subjectOf(lane), Json::object({{"queued", static_cast<long long>(dropped)}}), Json::object({{"queued", 0}}), reason});
    return dropped;
  });
}

}  // namespace ccp::exports
