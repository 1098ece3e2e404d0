#include "core/exports/sender.hpp"

#include "core/base/fault.hpp"
#include "core/base/log.hpp"

namespace ccp::exports {
namespace {

/// Rows were written by us: the bounds are those of the outbox.
constexpr JsonLimits kRowLimits{.max_bytes = 16u << 20, .max_depth = 64};
constexpr std::size_t kMaxErrorText = 1000;

std::string errorText(const Error& error) { return log::redact(error.detail).substr(0, kMaxErrorText); }

}  // namespace

Sender::Sender(const Deps& deps, Lane lane, std::string node)
    : deps_(deps),
      lane_(std::move(lane)),
      node_(std::move(node)),
      records_(deps.metrics.counter("ccp_export_records_total", "Records that exporters acknowledged",
                                    {{"instance", lane_.instance}, {"stream", lane_.stream}})),
      failures_(deps.metrics.counter("ccp_export_failures_total", "Batches that an exporter did not take whole",
                                     {{"instance", lane_.instance}, {"stream", lane_.stream}})) {}

double Sender::spread() const { return static_cast<double>(deps_.random.below(1000)) / 1000.0; }

plugin::CallContext Sender::context(std::int64_t first, std::int64_t last) const {
  plugin::CallContext out;
  out.deadline = Deadline::after(deps_.clock, kBatchTime);
  out.idempotency_key = lane_.instance + "/" + lane_.stream + "/" + std::to_string(first) + "-" + std::to_string(last);
  return out;
}

Result<bool> Sender::step() {
  // System scope, here and below: an exporter serves every organization.
  CCP_TRY(const auto seen, deps_.db.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<LaneView>> {
    return repository::view(tx, lane_);
  }));
  if (!seen) return false;
  const Timestamp now = deps_.clock.now();
  switch (seen->state) {
    case StreamState::disabled: return false;
    case StreamState::declined: return now < ask_again_at_ ? Result<bool>(false) : greet(*seen);
    case StreamState::active: break;
  }
  if (now < seen->next_attempt_at) return false;
  if (!greeted_) return greet(*seen);
  if (!seen->queued) {
    opened_ = false;  // the next run opens again
    return false;
  }
  return send();
}

/// Asks whether the exporter takes the stream at all, before anything is owed to it.
Result<bool> Sender::greet(const LaneView& seen) {
  greeted_ = true;
  CCP_TRY(const auto exporter, deps_.exporters.exporter(lane_.instance));
  const Status opened = exporter->open(context(0, 0), lane_.stream, seen.last_sequence);
  opened_ = opened.has_value();
  if (!opened && opened.error().code == Errc::unimplemented) {
    CCP_CHECK_OK(decline());
    return false;
  }
  if (!opened) {
    // Nothing was owed: the first batch will meet the failure, or not.
    log::warn("exports.open_failed", {{"instance", lane_.instance}, {"stream", lane_.stream}, {"detail", errorText(opened.error())}});
    ask_again_at_ = deps_.clock.now() + kAskAgain;
    return false;
  }
  if (seen.state == StreamState::declined) {
    CCP_CHECK_OK(deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
      repository::setState(tx, lane_, StreamState::active, "");
      return {};
    }));
    log::info("exports.taken", {{"instance", lane_.instance}, {"stream", lane_.stream}});
  }
  return seen.queued;
}

Status Sender::decline() {
  ask_again_at_ = deps_.clock.now() + kAskAgain;
  opened_ = false;
  return deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    if (repository::setState(tx, lane_, StreamState::declined, "")) {
      log::info("exports.declined", {{"instance", lane_.instance}, {"stream", lane_.stream}});
    }
    repository::discard(tx, lane_);
    return {};
  });
}

Result<bool> Sender::send() {
  CCP_TRY(auto batch, deps_.db.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<Batch>> {
    return repository::take(tx, lane_, node_, tx.now() + kLease);
  }));
  if (!batch) return false;
  std::vector<plugin::ExportRecord> records;
  for (auto& row : batch->rows) {
    records.push_back(std::move(row.record));
    CCP_TRY(records.back().data, parseJson(row.data, kRowLimits));
  }
  batch->rows.clear();
  auto progress = deliver(*batch, records);
  if (!progress && progress.error().code == Errc::unimplemented) {
    CCP_CHECK_OK(decline());
    return false;
  }
  faultPoint("exports.after_send");
  const std::int64_t before = records.front().sequence - 1;
  const plugin::ExportProgress outcome = progress ? std::move(*progress) : plugin::ExportProgress{before, progress.error()};
  Status settled = deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    if (outcome.last_sequence > before) repository::acknowledge(tx, lane_, before + 1, outcome.last_sequence);
    if (outcome.stopped) return failed(tx, outcome.last_sequence > before ? 1 : batch->attempts + 1, *outcome.stopped);
    repository::release(tx, lane_, node_);
    return {};
  });
  if (!settled) {
    opened_ = false;
    return fail(settled.error());
  }
  records_.add(static_cast<double>(std::max<std::int64_t>(outcome.last_sequence - before, 0)));
  if (outcome.stopped) {
    failures_.add();
    opened_ = false;
    log::warn("exports.failed", {{"instance", lane_.instance},
                                 {"stream", lane_.stream},
                                 {"code", outcome.stopped->name()},
                                 {"detail", errorText(*outcome.stopped)},
                                 {"acknowledged", outcome.last_sequence}});
    return false;
  }
  return batch->more || outcome.last_sequence < records.back().sequence;
}

Result<plugin::ExportProgress> Sender::deliver(const Batch& batch, const std::vector<plugin::ExportRecord>& records) {
  CCP_TRY(const auto exporter, deps_.exporters.exporter(lane_.instance));
  const auto ctx = context(records.front().sequence, records.back().sequence);
  if (!opened_) CCP_CHECK_OK(exporter->open(ctx, lane_.stream, batch.cursor));
  opened_ = true;
  CCP_TRY(auto progress, exporter->writeBatch(ctx, lane_.stream, records));
  if (progress.last_sequence >= records.front().sequence) CCP_CHECK_OK(exporter->flush(ctx, lane_.stream));
  return progress;
}

Status Sender::failed(db::Tx& tx, std::int64_t failures, const Error& error) {
  if (error.code != Errc::endpoint_gone) {
    repository::postpone(tx, lane_, node_, failures, tx.now() + waitAfter(failures, error.retry_after_s, spread()), errorText(error));
    return {};
  }
  repository::release(tx, lane_, node_);
  if (!repository::setState(tx, lane_, StreamState::disabled, errorText(error))) return {};
  const std::string subject = lane_.instance + "/" + lane_.stream;
  tx.audit({"", "plugin:" + lane_.instance, "export.disable", subject, Json::object({{"state", "active"}}),
            Json::object({{"state", "disabled"}}), errorText(error)});
  tx.emit({"export.disabled", "", subject,
           Json::object({{"instance", lane_.instance}, {"stream", lane_.stream}, {"reason", errorText(error)}})});
  return {};
}

void Sender::close() {
  if (!std::exchange(opened_, false)) return;
  const auto exporter = deps_.exporters.exporter(lane_.instance);
  if (exporter) (void)(*exporter)->close(context(0, 0), lane_.stream);
}

}  // namespace ccp::exports
