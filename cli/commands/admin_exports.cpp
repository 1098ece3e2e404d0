#include "cli/commands/admin.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/server.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kPath = "/v1/admin/exports";

std::string pathOf(const std::string& instance, const std::string& stream, const char* deed) {
  return std::string(kPath) + "/" + urlEncode(instance) + "/" + urlEncode(stream) + "/" + deed;
}

bool needsAttention(const Json& lane) { return lane.strOr("state") == "disabled" || lane.intOr("failures") > 0; }

std::string ago(const Json& at, Timestamp now) {
  const std::string* text = at.asString();
  const auto time = text ? parseRfc3339(*text) : Result<Timestamp>(fail(Errc::bad_encoding));
  return time ? relativeTime(*time, now) : "–";
}

}  // namespace

Outcome<int> runAdminExportsList(const Context& context, const AdminOptions& options) {
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "GET", kPath));
  const auto& lanes = answer["exports"].items();
  int exit = kOk;
  for (const auto& lane : lanes) {
    if (needsAttention(lane)) exit = kCheckFailed;
  }
  if (context.json) {
    context.emit(answer);
    return exit;
  }
  if (lanes.empty()) {
    context.out << "No exporter is configured. See docs/guides/exports.md.\n";
    return exit;
  }
  const Timestamp now = context.clock.now();
  TextTable table({{"INSTANCE"}, {"STREAM"}, {"STATE"}, {"QUEUED", Align::right}, {"OLDEST"}, {"SENT", Align::right}, {"LAST"}});
  for (const auto& lane : lanes) {
    std::string state = lane.strOr("state");
    if (state == "active" && lane.intOr("failures") > 0) state = "failing";
    if (!lane.boolOr("configured")) state += " (not configured)";
    table.row({lane.strOr("instance"), lane.strOr("stream"), state, std::to_string(lane.intOr("queued")), ago(lane["oldest_at"], now),
               std::to_string(lane.intOr("sent")), ago(lane["last_acknowledged_at"], now)});
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  for (const auto& lane : lanes) {
    if (!needsAttention(lane)) continue;
    context.out << lane.strOr("instance") << "/" << lane.strOr("stream") << ": " << lane.strOr("last_error");
    if (const auto next = lane.optStr("next_attempt_at")) context.out << " (next attempt " << ago(lane["next_attempt_at"], now) << ")";
    context.out << "\n";
  }
  return exit;
}

Done runAdminExportsRetry(const Context& context, const AdminOptions& options, const std::string& instance, const std::string& stream) {
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "POST", pathOf(instance, stream, "retry"), Json::object()));
  if (context.json) context.emit(answer);
  else context.out << instance << "/" << stream << " is sent now; " << answer["export"].intOr("queued") << " records wait.\n";
  return {};
}

Done runAdminExportsDiscard(const Context& context, const AdminOptions& options, const std::string& instance, const std::string& stream,
                            const std::string& reason) {
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "POST", pathOf(instance, stream, "discard"), Json::object({{"reason", reason}})));
  if (context.json) context.emit(answer);
  else context.out << "Dropped " << answer.intOr("discarded") << " records of " << instance << "/" << stream << ".\n";
  return {};
}

}  // namespace ccp::cli
