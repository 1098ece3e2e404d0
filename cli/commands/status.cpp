// ccp status: plan, features, expiry, last sync; from the server, or from the signed pack alone.
#include "cli/commands/account.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/plan_table.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

Json packJson(const Context& context, const Result<crypto::VerifiedPack>& pack) {
  if (!pack)
    return Json::object(
        {{"state", "none"}, {"code", pack.error().name()}, {"detail", pack.error().detail}});
  return Json::object({{"state", crypto::toString(pack->state)},
                       {"plan", pack->claims.plan},
                       {"expires_at", formatRfc3339(pack->claims.expires_at)},
                       {"usable_until_at", formatRfc3339(pack->usable_until)},
                       {"path", Profile(context).path("license.pack")}});
}

Json syncJson(const SyncState& sync) {
  const auto time = [](const std::optional<Timestamp>& t) {
    return t ? Json(formatRfc3339(*t)) : Json();
  };
  return Json::object({{"license_synced_at", time(sync.license_synced_at)},
                       {"usage_exported_at", time(sync.usage_exported_at)}});
}

/// The license as the pack tells it, in the shape of the server's answer.
Json licenseFromPack(const crypto::VerifiedPack& pack) {
  Json features = Json::array();
  for (const auto& feature : pack.claims.features) features.push(feature);
  return Json::object({{"id", pack.claims.license},
                       {"state", "unknown"},
                       {"plan", pack.claims.plan},
                       {"plan_title", pack.claims.plan},
                       {"features", std::move(features)},
                       {"limits", pack.claims.limits},
                       {"privacy", pack.claims.privacy}});
}

std::string ago(const Context& context, const std::optional<Timestamp>& t) {
  return t ? formatDuration(context.clock.now() - *t) + " ago" : "never";
}

void show(const Context& context, const Json& status, const Result<crypto::VerifiedPack>& pack,
          const SyncState& sync, bool online) {
  const Json& license = status["license"];
  const auto state = license.strOr("state");
  const bool good = state == "active" || state == "trial" || !online;
  std::string limits;
  for (const auto& [name, value] : license["limits"].members())
    limits += (limits.empty() ? "" : ", ") + name + " " + limitText(value);
  auto& out = context.out;
  if (online)
    out << "  " << context.bold(status["org"].strOr("name"))
        << context.dim("  " + status["user"].strOr("email")) << "\n";
  out << "  plan       " << license.strOr("plan_title")
      << (online ? "  " + (good ? context.good(state) : context.bad(state))
                 : context.dim("  (offline, from the license pack)"))
      << "\n"
      << "  features   " << listText(license["features"]) << "\n"
      << "  limits     " << (limits.empty() ? "none" : limits) << "\n";
  if (const Json& seats = license["seats"]; online && seats.isObject()) {
    const auto used = seats.intOr("used"), total = seats.intOr("total");
    const auto text = withThousands(used) + " of " + limitText(seats["total"]) + " assigned";
    out << "  seats      " << (used > total ? context.bad(text) : text) << "\n";
  }
  if (const auto ends = license.optStr("ends_at")) out << "  ends       " << *ends << "\n";
  if (pack) {
    const auto left = pack->claims.expires_at - context.clock.now();
    out << "  pack       " << crypto::toString(pack->state) << ", expires "
        << formatRfc3339(pack->claims.expires_at)
        << (left > Duration(0) ? " (in " + formatDuration(left) + ")" : "") << "\n";
  } else {
    out << "  pack       " << context.bad("none") << " (" << pack.error().detail << ")\n";
  }
  out << "  last sync  license " << ago(context, sync.license_synced_at) << ", usage "
      << ago(context, sync.usage_exported_at) << "\n";
  if (const auto notice = license.strOr("notice"); !notice.empty()) out << "\n  " << notice << "\n";
}

}  // namespace

Done runStatus(const Context& patient, const StatusOptions& options) {
  Context context = patient;
  context.timeout =
      seconds(5);  // a server that does not answer must not keep anybody waiting: there is the pack
  const Profile profile(context);
  Json status;
  bool online = false;
  if (!options.offline) {
    CLI_TRY(auto server, Server::connect(context));
    const auto answer = server.call("GET", "/v1/license/status");
    if (answer) {
      online = true;
      status = *answer;
      auto sync = profile.sync();
      sync.license_synced_at = context.clock.now();
      static_cast<void>(profile.save(sync));
      renewPackIfDue(context, server, status["license"].strOr("plan"));
    } else if (Failure(answer.error()).exit != kUnreachable) {
      return failed(Failure(answer.error()));
    } else if (!context.quiet && !context.json) {
      context.err << context.dim(
          "The server cannot be reached; this is what the license pack says.\n");
    }
  }
  const auto pack = storedPack(context);
  if (!online) {
    if (!pack) return failed(Failure(pack.error()));
    status = Json::object(
        {{"license", licenseFromPack(*pack)}, {"org", Json::object({{"id", pack->claims.org}})}});
  }
  const auto sync = profile.sync();
  if (context.json) {
    Json out = status;
    out.set("online", online);
    out.set("pack", packJson(context, pack));
    out.set("sync", syncJson(sync));
    context.emit(out);
  } else {
    show(context, status, pack, sync, online);
  }
  if (!online && pack->state == crypto::PackState::expired) {
    Failure failure(Errc::pack_expired, "The license pack has expired.");
    failure.reported = context.json;  // the document above says it
    return failed(std::move(failure));
  }
  return {};
}

}  // namespace ccp::cli
