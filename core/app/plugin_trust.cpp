#include "core/app/plugin_trust.hpp"

#include "core/app/wiring.hpp"
#include "core/base/file.hpp"
#include "core/plugin/trust_admin.hpp"

namespace ccp::app {
namespace {

constexpr const char* kActor = "ccpd";  // whoever may run it on this machine

Status apply(plugin::TrustAdmin& trust, const PluginTrustChanges& changes, std::ostream& out) {
  for (const auto& file : changes.key_files) {
    CCP_TRY(const std::string text, readFile(file, 64 << 10));
    const auto json = parseJson(text);
    if (!json) return fail(json.error().code, file + ": " + json.error().detail);
    const auto key = plugin::parseTrustedKey(*json);
    if (!key) return fail(key.error().code, file + ": " + key.error().detail);
    CCP_TRY(const auto row, trust.trust(*key, kActor));
    out << "trusted key:" << row.key.name() << "\n";
  }
  for (const auto& rollback : changes.rollbacks) {
    const auto at = rollback.find('=');
    if (at == std::string::npos) return fail(Errc::usage_error, "--allow-rollback needs ID=VERSION, such as acme.pager=1.1.0.");
    CCP_TRY(const auto floor, trust.allowRollback(rollback.substr(0, at), rollback.substr(at + 1), "ccpd --allow-rollback", kActor));
    out << floor.plugin << " " << floor.version << " and newer may load again\n";
  }
  return {};
}

}  // namespace

Status changePluginTrust(config::Settings settings, const PluginTrustChanges& changes, std::ostream& out) {
  Graph graph(std::move(settings));
  Steps steps;
  planStore(steps, graph);
  CCP_CHECK_OK(steps.start());
  plugin::TrustAdmin trust(*graph.db);
  const Status done = apply(trust, changes, out);
  steps.stop();
  return done;
}

}  // namespace ccp::app
