#include "core/policies/reports.hpp"

#include <algorithm>
#include <array>

#include "core/base/log.hpp"

namespace ccp::policies {
namespace {

constexpr std::array<std::string_view, 12> kMembers = {"set",   "channel",    "version",     "sha256",      "generation", "state",
                                                       "source", "last_error", "staleness_s", "packs", "instance",   "counters"};
constexpr std::array<std::string_view, 5> kStates = {"active", "stale", "refused", "builtin", "none"};
constexpr std::size_t kMaxReport = 8u << 10;

tl::unexpected<Error> wrong(const std::string& field, const std::string& rule) {
  return fail(Error{Errc::validation_failed, "The report's field \"" + field + "\" " + rule + ".", {{"/" + field, rule}}});
}

}  // namespace

Result<Json> Reports::take(const http::Principal& who, const Json& body) {
  for (const auto& [name, value] : body.members()) {
    if (std::find(kMembers.begin(), kMembers.end(), name) == kMembers.end()) return wrong(name, "is unknown");
  }
  ReportRow row;
  const std::string set = body.strOr("set", "org");
  if (set != "org" && set != policy::kOperatorSet) return wrong("set", "must be org or operator");
  row.set = set == "org" ? who.org : set;
  const auto channel = policy::channelFromName(body.strOr("channel"));
  if (!channel) return wrong("channel", "must be dev or prod");
  row.channel = policy::toString(*channel);
  row.version = body.intOr("version", -1);
  if (row.version < 0) return wrong("version", "must be a version, or 0");
  row.sha256 = body.strOr("sha256");
  if (!row.sha256.empty() && !policy::isDigest(row.sha256)) return wrong("sha256", "must be a digest");
  row.state = body.strOr("state");
  if (std::find(kStates.begin(), kStates.end(), row.state) == kStates.end()) return wrong("state", "must be active, stale, refused, builtin or none");
  const std::string instance = body.strOr("instance");
  if (instance.size() > 64) return wrong("instance", "must have at most 64 bytes");
  row.client = who.device.empty() ? who.actor() : who.device;
  if (!instance.empty()) row.client += "/" + instance;
  row.report = body.dump();
  if (row.report.size() > kMaxReport) return fail(Errc::body_too_large, "A report has at most 8 KiB.");

  CCP_CHECK_OK(db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Status {
    repository::putReport(tx, who.org, row);
    return {};
  }));
  CCP_TRY(const auto published, db_.read(repository::scopeOf(row.set), [&](db::Tx& tx) -> Result<std::pair<std::optional<Head>, std::optional<ChannelRow>>> {
    return std::make_pair(repository::head(tx, row.set, *channel), repository::version(tx, row.set, *channel, row.version));
  }));
  const auto& [head, same] = published;
  // One version, two documents: somebody signs with the server's key, or answers in its place.
  // Old renewals are swept; a version that is not out yet is somebody else's.
  const bool differs = row.version > 0 && !row.sha256.empty() && (same ? same->sha256 != row.sha256 : !head || row.version > head->version);
  if (differs) {
    metrics_.counter("ccp_policy_reports_differ_total", "Clients that hold another policy document than was published under its version").add();
    log::error("policy.report_differs", {{"client", row.client}, {"set", row.set}, {"channel", row.channel}, {"version", row.version}, {"sha256", row.sha256}});
  }
  return Json::object({{"live_version", head ? Json(head->version) : Json(0)}, {"differs", differs}});
}

Result<std::vector<ReportRow>> Reports::newest(const std::string& org, int limit) {
  return db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<std::vector<ReportRow>> { return repository::reports(tx, org, limit); });
}

}  // namespace ccp::policies
