#include "core/app/doctor.hpp"

#include <limits>

#include "core/app/graph.hpp"

namespace ccp::app {
namespace {

Json finding(const char* level, const char* code, const std::string& text) {
  return Json::object({{"level", level}, {"code", code}, {"text", text}});
}

Json list(Json one) {
  return Json::array({std::move(one)});
}

Json fromStatus(const Status& status, const char* well) {
  return list(status ? finding("ok", "ok", well)
                     : finding("error", status.error().name(), status.error().detail));
}

Json checkMode(const Graph& g) {
  if (!g.settings.dev())
    return list(finding("ok", "prod_mode", "production mode, " + g.settings.server.public_url));
  return list(
      finding("warn", "dev_mode", "development mode: generated keys, demo sign-in, loopback only"));
}

Json checkPlugins(const Graph& g) {
  Json out = Json::array();
  if (const auto libraries = g.plugins->libraries(); libraries >= plugin::PluginHost::kManyLibraries)
    out.push(finding("warn", "restart_recommended",
                     std::to_string(libraries) +
                         " plugin libraries are in memory; swaps in process keep every version "
                         "until ccpd ends. Restart ccpd when convenient."));
  if (const int retired = g.plugins->retired(); retired > 0)
    out.push(finding("warn", "plugins_retired",
                     std::to_string(retired) + " replaced plugin instances still run calls"));
  for (const auto& plugin : g.plugins->list()) {
    const std::string name = plugin.name + " (" + plugin.plugin + " " + plugin.version + ")";
    if (plugin.state == "ready")
      out.push(finding("ok", "plugin_ready", name));
    else
      out.push(finding(
          plugin.state == "degraded" || plugin.state == "restarting" ? "warn" : "error", "plugin_not_ready",
          name + " is " + plugin.state + (plugin.detail.empty() ? "" : ": " + plugin.detail)));
    if (plugin.abandoned > 0)
      out.push(finding("warn", "calls_abandoned",
                       name + " overran " + std::to_string(plugin.abandoned) +
                           " calls; restart ccpd when convenient"));
  }
  return out;
}

/// What runs on a word that does not stand any more. It goes on; the next swap or restart refuses it.
Json checkPluginTrust(const Graph& g) {
  Json out = Json::array();
  const auto plugins = g.plugins->list();
  std::vector<std::string> trusts;
  for (const auto& plugin : plugins) trusts.push_back(plugin.trust);
  const auto problems = g.plugin_trust->problemsOf(trusts);
  if (!problems) return list(finding("error", problems.error().name(), problems.error().detail));
  for (const auto& plugin : plugins) {
    const std::string name = plugin.name + " (" + plugin.plugin + " " + plugin.version + ")";
    const std::string& problem = problems->at(plugin.trust);
    if (plugin.trust == "unsigned")
      out.push(finding("warn", "plugin_unsigned",
                       name + " is signed by nobody; only dev mode loads it. Sign it with "
                              "`ccp plugin sign`"));
    if (!problem.empty())
      out.push(finding("error", "plugin_trust_lost",
                       name + ": " + problem +
                           ". It still runs; the next swap or restart refuses it. Swap it for a "
                           "release signed with a trusted key"));
  }
  if (out.empty()) out.push(finding("ok", "ok", "every plugin runs on a signature that stands"));
  return out;
}

Json checkConfiguration(const Graph& g) {
  const auto last = g.reloader->last();
  if (!last) return list(finding("ok", "ok", "as read at start"));
  if (last->error)
    return list(finding("error", "config_refused",
                        "the configuration of " + formatRfc3339(last->at) +
                            " was refused, the one before goes on: " + last->error->detail));
  Json out = Json::array();
  if (!last->needs_restart.empty()) {
    std::string names;
    for (const auto& name : last->needs_restart) names += (names.empty() ? "" : ", ") + name;
    out.push(finding("warn", "restart_needed", "these settings take effect at the next start of ccpd: " + names));
  }
  out.push(finding("ok", "ok", "applied at " + formatRfc3339(last->at) + " (" + last->actor + ")"));
  return out;
}

Json checkBilling(Graph& g) {
  const auto health = g.billing->health(Deadline::after(g.clock, seconds(10)));
  if (!health) return list(finding("error", health.error().name(), health.error().detail));
  Json out = health->findings;
  const auto count = [&](std::int64_t n, const char* level, const char* code,
                         const std::string& text) {
    if (n > 0) out.push(finding(level, code, std::to_string(n) + " " + text));
  };
  count(health->webhooks_waiting, "warn", "webhooks_waiting",
        "stored webhooks wait to be processed");
  count(health->webhooks_parked, "warn", "webhooks_parked",
        "webhooks name customers that are not ours");
  count(health->webhooks_dead, "error", "webhooks_dead",
        "webhooks could not be processed after many tries");
  count(health->subscriptions_dirty, "warn", "subscriptions_dirty",
        "subscriptions will be asked for again");
  for (const auto& [instance, error] : health->reconciler["last_error"].members()) {
    out.push(finding("warn", "reconcile_failed", instance + ": " + (error.asString() ? *error.asString() : "")));
  }
  if (out.empty()) out.push(finding("ok", "ok", "nothing waits; " + std::to_string(health->reconciler.intOr("customers")) + " customers compared, " +
                                                    std::to_string(health->reconciler.intOr("repaired")) + " repairs since start"));
  return out;
}

Json checkExports(Graph& g) {
  const auto lanes = g.exports->list();
  if (!lanes) return list(finding("error", lanes.error().name(), lanes.error().detail));
  Json out = Json::array();
  std::int64_t queued = 0;
  for (const auto& [lane, configured] : *lanes) {
    const std::string name = lane.lane.instance + "/" + lane.lane.stream;
    const std::string waiting = std::to_string(lane.queued) + " records wait";
    queued += lane.queued;
    if (lane.state == exports::StreamState::disabled)
      out.push(finding("error", "export_disabled", name + " is paused, " + waiting + ": " + lane.last_error));
    else if (!configured && lane.queued > 0)
      out.push(finding("warn", "export_orphaned",
                       name + " has no exporter any more, " + waiting + "; `ccp admin exports discard` drops them"));
    else if (lane.attempts > 0)
      out.push(finding("warn", "export_failing",
                       name + " failed " + std::to_string(lane.attempts) + " times, " + waiting + ": " + lane.last_error));
  }
  if (out.empty())
    out.push(finding("ok", "ok", std::to_string(lanes->size()) + " streams, " + std::to_string(queued) + " records wait"));
  return out;
}

Json checkTls(const Graph& g) {
  const auto& server = g.settings.server;
  if (!g.certificates) {
    if (server.trusted_proxies.empty()) return list(finding("ok", "clear_text", "clear text, for this machine only"));
    return list(finding("ok", "behind_proxy", "clear text, for this machine and " + std::to_string(server.trusted_proxies.size()) + " trusted proxies"));
  }
  Json out = Json::array();
  const auto state = g.certificates->state();
  const auto& certificate = state.certificate;
  const auto now = g.clock.now();
  const std::string name = certificate.subject + " until " + formatRfc3339(certificate.not_after);
  if (state.refused)
    out.push(finding("error", "tls_certificate_refused", "the newest certificate was refused at " + formatRfc3339(state.refused_at) + ", the one before goes on: " + state.refused->detail));
  if (now >= certificate.not_after)
    out.push(finding("error", "tls_certificate_expired", name + ": it has expired; no client accepts it. Renew it"));
  else if (Certificates::expiresSoon(certificate, now))
    out.push(finding("warn", "tls_certificate_expires", name + ": it should have been renewed by now"));
  if (!state.covers_public_url)
    out.push(finding("warn", "tls_certificate_name", name + " does not cover the host of server.public_url (" + server.public_url + "); clients will refuse it"));
  if (state.key_is_open)
    out.push(finding("warn", "tls_key_is_open", "every user of this machine can read " + server.tls->key_file + "; chmod o-r"));
  if (out.empty()) out.push(finding("ok", "ok", name));
  return out;
}

Json checkMail(const Graph& g) {
  if (g.settings.mail.smtp.empty())
    return list(finding("warn", "mail_to_log", "no mail server: sign-in mails go to the log"));
  return list(finding("ok", "ok", "mail goes to " + g.settings.mail.smtp));
}

}  // namespace

std::vector<admin::DoctorCheck> doctorChecks(Graph& graph) {
  return {
      {"mode", [&graph] { return checkMode(graph); }},
      {"store",
       [&graph] {
         return fromStatus(graph.db->ping(), graph.db->dialect() == db::Dialect::sqlite
                                                 ? "SQLite reads and writes"
                                                 : "PostgreSQL reads and writes");
       }},
      {"keys",
       [&graph] { return fromStatus(graph.licensing->keys().fresh(), "signing keys are fresh"); }},
      {"revocations",
       [&graph] {
         return fromStatus(
             graph.licensing->revocations().check({}, {}, std::numeric_limits<std::int64_t>::max()),
             "the revocation list is fresh");
       }},
      {"configuration", [&graph] { return checkConfiguration(graph); }},
      {"plugins", [&graph] { return checkPlugins(graph); }},
      {"plugin trust", [&graph] { return checkPluginTrust(graph); }},
      {"billing", [&graph] { return checkBilling(graph); }},
      {"exports", [&graph] { return checkExports(graph); }},
      {"tls", [&graph] { return checkTls(graph); }},
      {"mail", [&graph] { return checkMail(graph); }},
  };
}

}  // namespace ccp::app
