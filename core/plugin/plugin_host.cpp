#include "core/plugin/plugin_host.hpp"

#include <mutex>
#include <utility>

#include "core/base/log.hpp"
#include "core/plugin/inproc_runner.hpp"
#include "core/plugin/instance.hpp"
#include "core/package/loader.hpp"
#include "core/package/package.hpp"
#include "core/plugin/registry.hpp"
#include "core/plugin/ticker.hpp"

namespace ccp::plugin {
namespace {

constexpr int kMaxThreads = 256;

/// Calls may not have returned at the end of the process: their instance is kept for ever rather than
/// destroyed under a thread that still runs in it.
void keepForEver(std::shared_ptr<Instance> instance) {
  static auto* mutex = new std::mutex;
  static auto* kept = new std::vector<std::shared_ptr<Instance>>;
  const std::lock_guard lock(*mutex);
  log::error("plugin_left_running", {{"instance", instance->name()}, {"detail", "calls have not returned; the instance is neither stopped nor destroyed"}});
  kept->push_back(std::move(instance));
}

}  // namespace

PluginHostSettings PluginHostSettings::from(const config::Settings& settings) {
  return {settings.plugin_dir, settings.state_dir, settings.dev(), std::nullopt, settings.server.drain_timeout};
}

Json PluginInfo::json() const {
  Json list = Json::array();
  for (const auto& id : provides) list.push(id);
  return Json::object({{"name", name}, {"plugin", plugin}, {"version", version}, {"isolation", "inproc"}, {"state", state}, {"detail", detail},
                       {"provides", std::move(list)}, {"in_flight", in_flight}, {"abandoned", abandoned}});
}

struct PluginHost::Impl {
  Impl(HostContext the_context, PluginHostSettings the_settings)
      : settings(std::move(the_settings)), context(the_context), pool(kMaxThreads), ticker(context.clock, pool) {}

  Status add(const config::PluginInstance& wanted, const ccp_plugin* plugin, const Manifest& manifest, const Json& schema) {
    auto instance = std::make_shared<Instance>(context, InstanceGrants{wanted.name, manifest, wanted.egress}, inprocRunner(context.clock, pool, plugin));
    CCP_CHECK_OK(instance->start(wanted.config, schema));
    CCP_CHECK_OK(registry.add(instance));
    ticker.add(instance);
    log::info("plugin_ready", {{"instance", wanted.name}, {"plugin", manifest.id}, {"version", manifest.version}});
    return {};
  }

  PluginHostSettings settings;
  HostContext context;
  WorkerPool pool;
  Registry registry;
  Ticker ticker;
  bool stopped = false;
};

PluginHost::PluginHost(db::Db& db, net::HttpClient& http, const config::SecretStore& secrets, const Clock& clock, Random& random, Metrics& metrics,
                       PluginHostSettings settings)
    : impl_(std::make_unique<Impl>(HostContext{db, http, secrets, clock, random, metrics, settings.dev}, std::move(settings))) {}

PluginHost::~PluginHost() { stop(); }

Status PluginHost::load(const std::vector<config::PluginInstance>& instances) {
  if (!impl_->settings.trust) {
    CCP_TRY(auto trust, TrustStore::ofThisBuild());
    impl_->settings.trust.emplace(std::move(trust));
  }
  for (const auto& wanted : instances) {
    const std::string who = "plugins[" + wanted.name + "]: ";
    if (wanted.isolation == "process") {
      return fail(Errc::config_invalid, who + "isolation is \"process\"; this build runs plugins in process only. Set isolation: inproc.");
    }
    auto package = readPackage(impl_->settings.plugin_dir, wanted.plugin, *impl_->settings.trust, impl_->context.clock.now());
    if (!package) return fail(package.error().code, who + package.error().detail);
    auto plugin = loadLibrary(*package, impl_->settings.state_dir);
    if (!plugin) return fail(plugin.error().code, who + plugin.error().detail);
    CCP_CHECK_OK(impl_->add(wanted, *plugin, package->manifest, package->config_schema));
  }
  impl_->context.metrics.gauge("ccp_plugin_libraries", "Plugin libraries that this process holds until it ends").set(static_cast<double>(loadedLibraries()));
  impl_->ticker.start();
  return {};
}

Status PluginHost::loadLinked(const config::PluginInstance& instance, const ccp_plugin* plugin, const Json& manifest, const Json& config_schema) {
  Json text = manifest;
  if (!text.find("files")) text.set("files", Json::object({{"linked.so", "sha256:" + std::string(64, '0')}}));
  CCP_TRY(const Manifest parsed, parseManifest(text.dump()));
  CCP_CHECK_OK(checkCompatible(parsed, impl_->context.clock.now()));
  CCP_CHECK_OK(checkDescriptor(plugin, parsed));
  return impl_->add(instance, plugin, parsed, config_schema);
}

std::vector<PluginInfo> PluginHost::list() const {
  std::vector<PluginInfo> out;
  for (const auto& slot : impl_->registry.slots()) {
    const auto instance = slot->get();
    const auto now = instance->info();
    const Manifest& m = instance->manifest();
    out.push_back({slot->name(), m.id, m.version, toString(now.state), now.detail, m.provides, now.in_flight, now.abandoned});
  }
  return out;
}

Json PluginHost::health() {
  Json out = Json::array();
  for (const auto& slot : impl_->registry.slots()) {
    const auto instance = slot->get();
    const Json said = instance->health();
    out.push(Json::object({{"name", slot->name()},
                           {"plugin", instance->manifest().id},
                           {"version", instance->manifest().version},
                           {"state", toString(instance->info().state)},
                           {"status", said["status"]},
                           {"detail", said["detail"]}}));
  }
  return out;
}

void PluginHost::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  impl_->ticker.stop();
  for (const auto& slot : impl_->registry.slots()) {
    if (auto instance = slot->get(); !instance->stop(impl_->settings.drain_timeout)) keepForEver(std::move(instance));
  }
  if (const int stuck = impl_->pool.stop(impl_->settings.drain_timeout); stuck > 0) {
    log::error("plugin_threads_left", {{"threads", stuck}, {"detail", "calls into plugins have not returned; the process ends without them"}});
  }
}

BillingProviders& PluginHost::billing() { return impl_->registry; }
IdentityProviders& PluginHost::identity() { return impl_->registry; }
Exporters& PluginHost::exporters() { return impl_->registry; }
int PluginHost::runDueTicks() { return impl_->ticker.runDue(); }

}  // namespace ccp::plugin
