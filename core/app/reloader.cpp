#include "core/app/reloader.hpp"

#include <utility>

#include "core/base/log.hpp"

namespace ccp::app {
namespace {

Json listOf(const std::vector<std::string>& names) {
  Json out = Json::array();
  for (const auto& name : names) out.push(name);
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

void applyLogSettings(const config::Settings& settings) {
  using log::Level;
  const auto& level = settings.log.level;
  log::setLevel(level == "debug"   ? Level::debug
                : level == "warn"  ? Level::warn
                : level == "error" ? Level::error
                                   : Level::info);
  log::setFormat(settings.log.format == "text" ? log::Format::text : log::Format::json);
}

Json ReloadReport::json() const {
  Json changes = Json::array();
  for (const auto& change : plugins) changes.push(change.json());
  return Json::object({{"at", formatRfc3339(at)},
                       {"actor", actor},
                       {"result", error ? "failed" : "ok"},
                       {"plugins", std::move(changes)},
                       {"applied", listOf(applied)},
                       {"needs_restart", listOf(needs_restart)},
                       {"error", error ? Json(error->detail) : Json()}});
}

Reloader::Reloader(Deps deps) : deps_(std::move(deps)), watch_(deps_.live.now()->files) {}

std::optional<ReloadReport> Reloader::last() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void Reloader::ask() {
  const std::lock_guard lock(mutex_);
  asked_ = true;
}

void Reloader::poll() {
  bool asked = false;
  {
    const std::lock_guard lock(mutex_);
    asked = std::exchange(asked_, false);
  }
  const std::lock_guard lock(one_at_a_time_);
  // Looked at in any case, so that switching the watch on finds no changes of long ago.
  const bool changed = watch_.poll();
  if (asked) {
    apply("config:sighup");
  } else if (changed && deps_.live.now()->reload.watch) {
    apply("config:watch");
  }
}

ReloadReport Reloader::reload(const std::string& actor) {
  const std::lock_guard lock(one_at_a_time_);
  return apply(actor);
}

ReloadReport Reloader::apply(const std::string& actor) {
  ReloadReport report;
  report.at = deps_.clock.now();
  report.actor = actor;
  auto files = deps_.live.now()->files;
  // Taken before they are read: what is written after this is a change of its own.
  watch_.taken(files);
  auto wanted = config::loadSettings(files.front(), deps_.environment);
  if (wanted && wanted->files != files) {
    files = wanted->files;
    watch_.taken(files);
    wanted = config::loadSettings(files.front(), deps_.environment);
  }
  const Status done = wanted ? change(*wanted, report) : Status(fail(wanted.error()));
  if (!done) report.error = done.error();
  account(report);
  return report;
}

Status Reloader::change(const config::Settings& wanted, ReloadReport& report) {
  const auto running = deps_.live.now();
  // Told at once, also for what takes effect at the next start only: nobody should learn it then.
  CCP_CHECK_OK(deps_.billing.checkCatalog(running->plans, wanted.plans));
  const auto diff = config::compareSettings(*running, wanted);
  report.needs_restart = diff.restart;
  if (diff.live.empty()) return {};
  const config::Settings next = config::withLive(*running, wanted);

  plugin::ChangeHooks hooks;
  hooks.check = [&](const plugin::Lineup& lineup) -> Status {
    const auto serves = [&](const std::string& name) { return lineup.bills(name); };
    const std::string& sells = next.billing.default_instance;
    if (!sells.empty() && !serves(sells))
      return fail(Errc::config_invalid, "billing.default: \"" + sells + "\" is no billing instance.");
    return deps_.billing.checkInstances(serves);
  };
  hooks.record = [&](db::Tx& tx) -> Status {
    tx.audit({"", report.actor, "config.reload", next.files.front(), {},
              Json::object({{"result", "ok"}, {"applied", listOf(diff.live)}, {"needs_restart", listOf(diff.restart)}}), ""});
    return {};
  };
  hooks.published = [&] {
    deps_.live.publish(next);
    applyLogSettings(next);
  };
  CCP_TRY(report.plugins, deps_.plugins.apply(next.plugins, report.actor, hooks));
  report.applied = diff.live;
  return {};
}

void Reloader::account(const ReloadReport& report) {
  {
    // Before anybody is told: who reads of it in the log finds it here.
    const std::lock_guard lock(mutex_);
    last_ = report;
  }
  const char* result = report.error ? "failed" : "ok";
  deps_.metrics.counter("ccp_config_reloads_total", "Attempts to apply the configuration to the running server", {{"result", result}}).add();
  deps_.metrics.gauge("ccp_config_current", "0 when the last version of the configuration was refused").set(report.error ? 0 : 1);
  if (report.error) {
    const std::string& detail = report.error->detail;
    log::error("config.refused", {{"actor", report.actor}, {"code", report.error->name()}, {"detail", detail}});
    const Status recorded = deps_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {  // a deed of the server itself
      tx.audit({"", report.actor, "config.reload", deps_.live.now()->files.front(), {}, Json::object({{"result", "failed"}}), detail});
      return {};
    });
    if (!recorded) log::error("config.refusal_not_recorded", {{"detail", recorded.error().detail}});
  } else {
    deps_.metrics.gauge("ccp_config_restart_needed", "Changed settings that wait for a restart").set(static_cast<double>(report.needs_restart.size()));
    log::info("config.reloaded", {{"actor", report.actor}, {"applied", joined(report.applied)}, {"plugins", static_cast<int>(report.plugins.size())}});
    if (!report.needs_restart.empty()) {
      log::warn("config.needs_restart", {{"settings", joined(report.needs_restart)}, {"detail", "these take effect at the next start of ccpd"}});
    }
  }
}

}  // namespace ccp::app
