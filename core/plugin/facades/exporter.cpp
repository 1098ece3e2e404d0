#include "core/plugin/facades/exporter.hpp"

#include "core/plugin/facades/caller.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

Json toJson(const ExportRecord& record) {
  return Json::object({{"sequence", static_cast<long long>(record.sequence)},
                       {"id", record.id},
                       {"type", record.type},
                       {"occurred_at", formatRfc3339(record.occurred_at)},
                       {"org", record.org},
                       {"subject", record.subject},
                       {"data", record.data}});
}

class Facade final : public Exporter {
 public:
  explicit Facade(std::shared_ptr<Caller> caller) : caller_(std::move(caller)) {}

  const std::string& instance() const override { return caller_->instance(); }

  Status open(const CallContext& ctx, const std::string& stream, std::int64_t cursor) override {
    return done(caller_->call("open", ctx, Json::object({{"stream", stream}, {"cursor", static_cast<long long>(cursor)}})));
  }

  Result<ExportProgress> writeBatch(const CallContext& ctx, const std::string& stream, const std::vector<ExportRecord>& records) override {
    if (records.empty()) return fail(Errc::internal, "A batch without records was to be exported.");
    Json list = Json::array();
    for (const auto& record : records) list.push(toJson(record));
    const std::int64_t last = records.back().sequence;
    // The two sequences stand first, so that a plugin without an array parser finds them.
    CCP_TRY(const Json answer, caller_->call("write_batch", ctx,
                                             Json::object({{"stream", stream},
                                                           {"first_sequence", static_cast<long long>(records.front().sequence)},
                                                           {"last_sequence", static_cast<long long>(last)},
                                                           {"records", std::move(list)}})));
    const auto acknowledged = answer.optInt("last_sequence");
    if (!acknowledged || *acknowledged < 0 || *acknowledged > last) {
      return fail(Errc::provider_error, "Plugin instance \"" + instance() + "\", write_batch: it must answer \"last_sequence\", at most " +
                                            std::to_string(last) + "; it answered " + answer["last_sequence"].dump().substr(0, 40) + ".");
    }
    ExportProgress progress{*acknowledged, std::nullopt};
    if (const Json& problem = answer["problem"]; problem.isObject()) {
      progress.stopped = errorFromPlugin(instance(), "write_batch", CCP_RC_UNAVAILABLE, problem.dump());
    } else if (*acknowledged < records.front().sequence) {
      progress.stopped = Error{Errc::provider_error, "Plugin instance \"" + instance() + "\", write_batch: it took none of the records and does not say why."};
    }
    return progress;
  }

  Status flush(const CallContext& ctx, const std::string& stream) override { return done(caller_->call("flush", ctx, Json::object({{"stream", stream}}))); }
  Status close(const CallContext& ctx, const std::string& stream) override { return done(caller_->call("close", ctx, Json::object({{"stream", stream}}))); }

 private:
  static Status done(const Result<Json>& answer) {
    if (!answer) return fail(answer.error());
    return {};
  }
  std::shared_ptr<Caller> caller_;
};

}  // namespace

std::shared_ptr<Exporter> makeExporter(std::shared_ptr<Caller> caller) { return std::make_shared<Facade>(std::move(caller)); }

}  // namespace ccp::plugin
