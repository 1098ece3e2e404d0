#include "core/plugin/pipeline.hpp"

#include "core/base/log.hpp"
#include "core/isolation/probe.hpp"
#include "core/isolation/process.hpp"
#include "core/package/loader.hpp"
#include "core/plugin/instance_config.hpp"
#include "core/plugin/trust_repository.hpp"

namespace ccp::plugin {
namespace {

/// Trust and versions belong to the whole server, to no organization.
const db::Scope kServer = db::Scope::system();

const char* toString(Isolation isolation) noexcept { return isolation == Isolation::process ? "process" : "inproc"; }

}  // namespace

Pipeline::Pipeline(db::Db& db, const Clock& clock, PipelineSettings settings) : db_(db), clock_(clock), settings_(std::move(settings)) {}

Result<TrustStore> Pipeline::trustStore() const {
  if (settings_.trust) return *settings_.trust;
  CCP_TRY(auto keys, db_.read(kServer, [](db::Tx& tx) -> Result<std::vector<TrustedKey>> {
    std::vector<TrustedKey> out;
    for (auto& row : TrustRepository(tx).keys()) out.push_back(std::move(row.key));
    return out;
  }));
  return TrustStore::ofThisBuild(std::move(keys));
}

Status Pipeline::checkNotOlder(const Package& package) const {
  const Manifest& m = package.manifest;
  CCP_TRY(const auto floor, db_.read(kServer, [&](db::Tx& tx) -> Result<std::optional<VersionFloor>> { return TrustRepository(tx).floor(m.id); }));
  if (!floor || !versionLess(m.version, floor->version)) return {};
  return fail(Errc::plugin_refused, "Plugin " + m.id + ": " + package.folder + "/plugin.json is version " + m.version + "; version " + floor->version +
                                        " ran here before (" + formatRfc3339(floor->updated_at) + "), and an older one may bring back a mistake that was "
                                        "corrected. Install " + floor->version + " or newer; or, if you mean to go back, run "
                                        "`ccp plugin trust rollback " + m.id + " --to " + m.version + "`, or, while ccpd does not run, "
                                        "`ccpd --allow-rollback " + m.id + "=" + m.version + "`.");
}

Result<std::string> Pipeline::hostProgram() const {
  return settings_.host_program.empty() ? isolation::hostProgram(settings_.dev) : Result<std::string>(settings_.host_program);
}

Status Pipeline::probe(const Package& package, const SealedLibrary& library, bool process) const {
  const Manifest& m = package.manifest;
  {
    const std::lock_guard lock(probed_mutex_);
    if (const auto known = probed_.find(library.sha256()); known != probed_.end()) return isolation::checkFacts(known->second, m);
  }
  auto program = hostProgram();
  if (!program) {
    if (process) return fail(program.error());
    log::warn("plugin_probe_skipped", {{"plugin", m.id}, {"version", m.version}, {"detail", program.error().detail}});
    return {};
  }
  const auto facts = isolation::probe(*program, library.fd());
  if (!facts) {
    return fail(facts.error().code, "Plugin " + m.id + " " + m.version + ": " + package.folder + "/" + m.library + " did not pass its first load in a process of "
                                        "its own: " + facts.error().detail + ". Nothing of it has run in ccpd. Install a release that was built for this system.");
  }
  const std::lock_guard lock(probed_mutex_);
  return isolation::checkFacts(probed_.emplace(library.sha256(), *facts).first->second, m);
}

Result<Prepared> Pipeline::prepare(const config::PluginInstance& wanted) const {
  CCP_TRY(const TrustStore trust, trustStore());
  Prepared out;
  CCP_TRY(out.package, readPackage(settings_.plugin_dir, wanted.plugin, trust, settings_.dev ? Channel::dev : Channel::prod, clock_.now()));
  const Package& package = out.package;
  CCP_TRY(const auto isolation, decideIsolation(package.manifest, package.trust, package.inproc, wanted.isolation));
  CCP_CHECK_OK(checkNotOlder(package));
  // Again when the instance is made, with its secrets; here because nothing of the plugin has run yet.
  CCP_TRY([[maybe_unused]] const Json config, checkConfig(wanted.name, package.manifest.id, wanted.config, package.config_schema));
  out.trust = package.trust;
  out.process = isolation == Isolation::process;
  CCP_TRY(out.library, SealedLibrary::make(settings_.state_dir, package.manifest.library, package.library));
  if (package.trust == "unsigned") {
    log::warn("plugin_unsigned", {{"instance", wanted.name}, {"plugin", package.manifest.id}, {"version", package.manifest.version},
                                  {"isolation", toString(isolation)}, {"folder", package.folder},
                                  {"detail", "nobody signed this plugin; it loads because this is dev mode, and never in prod. Sign it: `ccp plugin sign " +
                                                 package.folder + " --key FILE`"}});
  }
  CCP_CHECK_OK(probe(package, *out.library, out.process));
  if (out.process) {
    CCP_TRY(out.program, hostProgram());
  } else {
    CCP_TRY(out.plugin, loadLibrary(package, out.library));
  }
  out.package.library = {};
  return out;
}

Status Pipeline::started(db::Tx& tx, const Prepared& prepared) const {
  // An unsigned plugin says what it likes about its version: it must not lock out the signed ones.
  if (prepared.trust == "unsigned") return {};
  const Manifest& m = prepared.package.manifest;
  TrustRepository rows(tx);
  const auto floor = rows.floor(m.id);
  if (!floor || versionLess(floor->version, m.version)) rows.setFloor({m.id, m.version, "system", tx.now()});
  return {};
}

}  // namespace ccp::plugin
