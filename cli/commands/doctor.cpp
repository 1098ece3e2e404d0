#include "cli/commands/doctor.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <ctime>
#include <optional>
#include <vector>

#include "cli/commands/usage.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

struct Finding {
  std::string check;
  std::string level;  ///< ok, warn, fail
  std::string detail;
  std::string next_step;
};

/// IMF-fixdate of the Date header (RFC 9110, section 5.6.7).
std::optional<Timestamp> httpDate(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr) return std::nullopt;
  return fromUnixSeconds(::timegm(&parts));
}

Finding checkFolder(const Context& context) {
  struct stat info {};
  if (::stat(context.config_dir.c_str(), &info) != 0)
    return {"configuration", "warn", context.config_dir + " does not exist yet", "Run ccp login."};
  if (info.st_uid != ::geteuid())
    return {"configuration", "fail", context.config_dir + " belongs to another user",
            "Give it back with chown, or use --config-dir."};
  if ((info.st_mode & 022) != 0)
    return {"configuration", "fail", context.config_dir + " can be written by others",
            "Run: chmod 700 " + context.config_dir};
  if ((info.st_mode & 077) != 0)
    return {"configuration", "warn", context.config_dir + " can be read by others",
            "Run: chmod 700 " + context.config_dir};
  return {"configuration", "ok", context.config_dir, ""};
}

Finding fromStatus(const char* check, const Result<crypto::SigningKey>& key) {
  if (!key)
    return {check, key.error().code == Errc::not_logged_in ? "warn" : "fail", key.error().detail,
            info(key.error().code).next_step};
  return {check, "ok", "thumbprint " + key->publicKey().thumbprint(), ""};
}

void checkServer(const Context& context, const std::string& server, std::vector<Finding>& out) {
  const auto response =
      context.http.send({"GET", server + "/.well-known/oauth-authorization-server", {}, {}}, {});
  if (!response) {
    out.push_back(
        {"server", "fail", response.error().detail, "Check the address and your network."});
    return;
  }
  const auto endpoints = Endpoints::discover(context, server);
  if (!endpoints)
    out.push_back(
        {"server", "fail", endpoints.error().detail, info(endpoints.error().code).next_step});
  else
    out.push_back({"server", "ok", server, ""});
  if (const auto theirs = httpDate(response->header("date"))) {
    const auto skew =
        std::chrono::abs(std::chrono::duration_cast<seconds>(*theirs - context.clock.now()));
    const bool far = skew > seconds(60);
    out.push_back({"clock",
                   skew > seconds(300) ? "fail"
                   : far               ? "warn"
                                       : "ok",
                   "differs from the server by " + std::to_string(skew.count()) + " s",
                   far ? "Set this machine's clock: proofs are refused beyond 300 s." : ""});
  }
}

void checkPack(const Context& context, std::vector<Finding>& out) {
  const auto pack = storedPack(context);
  if (!pack) {
    out.push_back({"license pack", "fail", pack.error().detail, info(pack.error().code).next_step});
    return;
  }
  const auto text = "plan " + pack->claims.plan + ", " + crypto::toString(pack->state) + " until " +
                    formatRfc3339(pack->claims.expires_at);
  const bool expired = pack->state == crypto::PackState::expired;
  out.push_back({"license pack",
                 expired                                      ? "fail"
                 : pack->state == crypto::PackState::in_grace ? "warn"
                                                              : "ok",
                 text, expired ? "Run ccp status online to renew it." : ""});
}

void checkKeyRing(const Context& context, std::vector<Finding>& out) {
  const auto ring = storedKeyRing(context);
  if (!ring) {
    out.push_back({"key ring", "fail", ring.error().detail, info(ring.error().code).next_step});
    return;
  }
  const bool fresh = ring->expires_at > context.clock.now();
  out.push_back({"key ring", fresh ? "ok" : "warn",
                 "version " + std::to_string(ring->version) + ", signed by the pinned root key, " +
                     (fresh ? "fresh until " : "out of date since ") +
                     formatRfc3339(ring->expires_at),
                 fresh ? "" : "Run ccp status online to renew it."});
}

Finding checkStore(const Context& context) {
  const auto path = context.data_dir + "/usage.db";
  if (!fileExists(path)) return {"usage store", "ok", "nothing imported yet", ""};
  auto store = openUsage(context);
  const auto totals = store ? store->totals() : Result<StoreTotals>(fail(store.error()));
  if (!totals)
    return {"usage store", "fail", totals.error().detail,
            "Move the file away and run ccp import again."};
  return {"usage store", "ok",
          withThousands(totals->messages) + " responses in " + withThousands(totals->blocks) +
              " hourly rollups",
          ""};
}

void checkSession(const Context& context, std::vector<Finding>& out) {
  auto server = Server::connect(context);
  if (!server) {
    out.push_back({"session", "fail", server.error().detail, info(server.error().code).next_step});
    return;
  }
  const auto status = server->call("GET", "/v1/license/status");
  if (!status) {
    out.push_back({"session", "fail", status.error().detail, info(status.error().code).next_step});
    return;
  }
  out.push_back({"session", "ok",
                 (*status)["user"].strOr("email") + " in " + (*status)["org"].strOr("name"), ""});
  const auto state = (*status)["license"].strOr("state");
  const bool live = state == "active" || state == "trial" || state == "grace" || state == "pending";
  out.push_back({"license", live ? "ok" : "warn",
                 state + ", plan " + (*status)["license"].strOr("plan"),
                 live ? "" : (*status)["license"].strOr("notice")});
}

}  // namespace

Done runDoctor(const Context& context) {
  const Profile profile(context);
  std::vector<Finding> findings{checkFolder(context),
                                fromStatus("device key", profile.deviceKey(false))};
  const auto session = profile.session();
  if (session) {
    checkServer(context, session->server, findings);
    checkSession(context, findings);
    checkPack(context, findings);
    checkKeyRing(context, findings);
  } else if (!context.server.empty()) {
    const auto address = serverAddress(context.server);
    if (address) checkServer(context, *address, findings);
    findings.push_back({"session", "fail", session.error().detail, "Run ccp login."});
  } else {
    findings.push_back(
        {"session", "fail", session.error().detail, "Run ccp login --server https://…"});
  }
  findings.push_back(checkStore(context));
  int failures = 0;
  Json list = Json::array();
  for (const auto& f : findings) {
    if (f.level == "fail") ++failures;
    list.push(Json::object({{"check", f.check},
                            {"level", f.level},
                            {"detail", f.detail},
                            {"next_step", f.next_step.empty() ? Json() : Json(f.next_step)}}));
    if (context.json) continue;
    const auto mark = f.level == "ok"     ? context.good("ok  ")
                      : f.level == "warn" ? "warn"
                                          : context.bad("fail");
    context.out << "  " << mark << "  " << f.check
                << std::string(f.check.size() < 14 ? 14 - f.check.size() : 1, ' ') << f.detail
                << "\n";
    if (!f.next_step.empty()) context.out << "        " << f.next_step << "\n";
  }
  if (context.json)
    context.emit(Json::object({{"findings", std::move(list)}, {"failures", failures}}));
  if (failures == 0) return {};
  Failure failure(Errc::conflict,
                  std::to_string(failures) + (failures == 1 ? " check failed." : " checks failed."),
                  "See the lines above.");
  failure.exit = kCheckFailed;
  failure.reported = context.json;  // the findings are the one document of --json
  return failed(std::move(failure));
}

}  // namespace ccp::cli
