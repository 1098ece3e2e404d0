#include "core/plugin/pipeline.hpp"

#include "core/package/loader.hpp"

namespace ccp::plugin {

Pipeline::Pipeline(db::Db& db, const Clock& clock, PipelineSettings settings) : db_(db), clock_(clock), settings_(std::move(settings)) {}

Result<Prepared> Pipeline::prepare(const config::PluginInstance& wanted) const {
  std::optional<TrustStore> trust = settings_.trust;
  if (!trust) {
    CCP_TRY(trust, TrustStore::ofThisBuild());
  }
  Prepared out;
  out.trust = "vendor";
  out.process = wanted.isolation == "process";
  if (out.process) {
    return fail(Errc::config_invalid, "isolation is \"process\"; this build runs plugins in process only. Set isolation: inproc.");
  }
  CCP_TRY(out.package, readPackage(settings_.plugin_dir, wanted.plugin, *trust, clock_.now()));
  CCP_TRY(out.library, SealedLibrary::make(settings_.state_dir, out.package.manifest.library, out.package.library));
  CCP_TRY(out.plugin, loadLibrary(out.package, out.library));
  out.package.library = {};
  return out;
}

Status Pipeline::started(db::Tx&, const Prepared&) const { return {}; }

}  // namespace ccp::plugin
