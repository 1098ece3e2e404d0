#include "core/plugin/plugin_host.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <utility>

#include "core/base/log.hpp"
#include "core/plugin/inproc_runner.hpp"
#include "core/plugin/instance.hpp"
#include "core/package/loader.hpp"
#include "core/plugin/changes.hpp"
#include "core/plugin/pipeline.hpp"
#include "core/plugin/process_runner.hpp"
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

bool same(const config::PluginInstance& a, const config::PluginInstance& b) {
  return a.plugin == b.plugin && a.isolation == b.isolation && a.config == b.config && a.egress.origins == b.egress.origins &&
         a.egress.private_addresses == b.egress.private_addresses;
}

Json listOf(const std::vector<std::string>& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push(item);
  return out;
}

PluginInfo infoOf(const Serving& serving) {
  const auto now = serving.instance->info();
  const Manifest& m = serving.instance->manifest();
  PluginInfo out{serving.instance->name(), m.id, m.version, serving.origin.process ? "process" : "inproc", serving.origin.trust, toString(now.state),
                 now.detail, m.provides, now.in_flight, now.abandoned, serving.since, now.process};
  if (!now.trouble.isNull() && (now.state == InstanceState::ready || now.state == InstanceState::degraded)) {
    out.state = now.trouble.strOr("state");
    out.detail = now.trouble.strOr("detail");
  }
  return out;
}

Json healthOf(Instance& instance) {
  const Json said = instance.health();
  return Json::object({{"name", instance.name()},
                       {"plugin", instance.manifest().id},
                       {"version", instance.manifest().version},
                       {"state", toString(instance.info().state)},
                       {"status", said["status"]},
                       {"detail", said["detail"]}});
}

Gauge& readyGauge(Metrics& metrics, const std::string& name) {
  return metrics.gauge("ccp_plugin_ready", "1 when the instance takes calls", {{"instance", name}});
}
Gauge& inFlightGauge(Metrics& metrics, const std::string& name) {
  return metrics.gauge("ccp_plugin_in_flight", "Calls that the instance runs", {{"instance", name}});
}

tl::unexpected<Error> unknownInstance(const std::string& name) { return fail(Errc::not_found, "There is no plugin instance \"" + name + "\"; `ccp plugin list` shows those that there are."); }

}  // namespace

PluginHostSettings PluginHostSettings::from(const config::Settings& settings) {
  return {settings.plugin_dir, settings.state_dir, settings.dev(), std::nullopt, settings.server.drain_timeout};
}

Json PluginInfo::json() const {
  return Json::object({{"name", name}, {"plugin", plugin}, {"version", version}, {"isolation", isolation}, {"trust", trust}, {"state", state},
                       {"detail", detail}, {"provides", listOf(provides)}, {"in_flight", in_flight}, {"abandoned", abandoned},
                       {"since", formatRfc3339(since)}, {"process", process}});
}

struct PluginHost::Impl {
  Impl(HostContext the_context, PluginHostSettings the_settings)
      : settings(std::move(the_settings)),
        context(the_context),
        pool(kMaxThreads),
        ticker(context.clock, pool),
        pipeline(context.db, context.clock, {settings.plugin_dir, settings.state_dir, settings.dev, settings.trust}),
        changes(context, pipeline, registry, ticker, [this](const auto& wanted) { return sourceOf(wanted); }, settings.drain_timeout) {}

  Result<Source> sourceOf(const config::PluginInstance& wanted) {
    {
      const std::lock_guard lock(linked_mutex);
      if (const auto at = linked.find(wanted.plugin); at != linked.end()) {
        Source source = at->second;
        source.origin.wanted = wanted;
        return source;
      }
    }
    CCP_TRY(Prepared prepared, pipeline.prepare(wanted));
    Source source{prepared.package.manifest, prepared.package.config_schema, {wanted, prepared.trust, prepared.library->sha256(), prepared.process}, {}, {}};
    source.runner = prepared.process ? processRunner(context, supervisor, {prepared.program, prepared.library, {}, {}})
                                     : inprocRunner(context.clock, pool, prepared.plugin);
    source.prepared = std::move(prepared);
    return source;
  }

  Status loadFirst(const std::vector<config::PluginInstance>& instances) {
    std::vector<Change> wanted;
    for (const auto& instance : instances) {
      Change change;
      change.kind = Change::Kind::load;
      change.wanted = instance;
      change.must_be_healthy = false;
      change.occasion = Change::Occasion::start;
      wanted.push_back(std::move(change));
    }
    CCP_TRY(const auto done, changes.perform(std::move(wanted), "system"));
    count(done);
    return {};
  }

  Result<Change> one(Change::Kind kind, const config::PluginInstance& wanted, const std::string& actor, const std::string& reason = {}) {
    Change change;
    change.kind = kind;
    change.wanted = wanted;
    change.reason = reason;
    CCP_TRY(auto done, changes.perform({std::move(change)}, actor));
    count(done);
    return std::move(done.front());
  }

  /// Gauges of what is gone would stand still for ever.
  void count(const std::vector<Change>& done) {
    for (const auto& change : done) {
      if (change.kind != Change::Kind::remove) continue;
      readyGauge(context.metrics, change.wanted.name).set(0);
      inFlightGauge(context.metrics, change.wanted.name).set(0);
    }
    context.metrics.gauge("ccp_plugin_libraries", "Plugin libraries that this process holds until it ends").set(static_cast<double>(loadedLibraries()));
  }

  PluginHostSettings settings;
  HostContext context;
  WorkerPool pool;
  Supervisor supervisor;
  Registry registry;
  Ticker ticker;
  Pipeline pipeline;
  Changes changes;
  std::mutex linked_mutex;
  std::map<std::string, Source> linked;
  bool stopped = false;
};

PluginHost::PluginHost(db::Db& db, net::HttpClient& http, const config::SecretStore& secrets, const Clock& clock, Random& random, Metrics& metrics,
                       PluginHostSettings settings)
    : impl_(std::make_unique<Impl>(HostContext{db, http, secrets, clock, random, metrics, settings.dev}, std::move(settings))) {}

PluginHost::~PluginHost() { stop(); }

// --- changes ----------------------------------------------------------------------------------

Status PluginHost::load(const std::vector<config::PluginInstance>& instances) {
  CCP_CHECK_OK(impl_->loadFirst(instances));
  impl_->ticker.start();
  return {};
}

Status PluginHost::link(const ccp_plugin* plugin, const Json& manifest, const Json& config_schema) {
  Json text = manifest;
  if (!text.find("files")) text.set("files", Json::object({{"linked.so", "sha256:" + std::string(64, '0')}}));
  CCP_TRY(const Manifest parsed, parseManifest(text.dump()));
  CCP_CHECK_OK(checkCompatible(parsed, impl_->context.clock.now()));
  CCP_CHECK_OK(checkDescriptor(plugin, parsed));
  Source source{parsed, config_schema, {{}, "linked", {}, false}, inprocRunner(impl_->context.clock, impl_->pool, plugin), {}};
  const std::lock_guard lock(impl_->linked_mutex);
  impl_->linked[parsed.id] = std::move(source);
  return {};
}

Status PluginHost::loadLinked(const config::PluginInstance& instance, const ccp_plugin* plugin, const Json& manifest, const Json& config_schema) {
  CCP_CHECK_OK(link(plugin, manifest, config_schema));
  return impl_->loadFirst({instance});
}

void PluginHost::guard(ChangeGuard guard) { impl_->changes.guard(std::move(guard)); }

Result<Change> PluginHost::add(const config::PluginInstance& instance, const std::string& actor) { return impl_->one(Change::Kind::load, instance, actor); }
Result<Change> PluginHost::swap(const config::PluginInstance& instance, const std::string& actor) { return impl_->one(Change::Kind::swap, instance, actor); }
Result<Change> PluginHost::swap(const std::string& name, const std::string& actor, const std::string& reason) {
  return impl_->one(Change::Kind::swap, {name, {}, {}, {}, {}}, actor, reason);
}
Result<Change> PluginHost::remove(const std::string& name, const std::string& actor) { return impl_->one(Change::Kind::remove, {name, {}, {}, {}, {}}, actor); }
Result<Change> PluginHost::drain(const std::string& name, const std::string& actor, const std::string& reason) {
  return impl_->one(Change::Kind::drain, {name, {}, {}, {}, {}}, actor, reason);
}

Result<std::vector<Change>> PluginHost::apply(const std::vector<config::PluginInstance>& instances, const std::string& actor, const ChangeHooks& hooks) {
  std::vector<Change> changes;
  std::vector<std::string> names;
  const auto ask = [&](Change::Kind kind, const config::PluginInstance& wanted) {
    Change change;
    change.kind = kind;
    change.wanted = wanted;
    change.occasion = Change::Occasion::reload;
    changes.push_back(std::move(change));
  };
  for (const auto& wanted : instances) {
    names.push_back(wanted.name);
    const auto slot = impl_->registry.slot(wanted.name);
    if (!slot) {
      ask(Change::Kind::load, wanted);
    } else if (!same(slot->serving()->origin.wanted, wanted)) {
      ask(Change::Kind::swap, wanted);
    }
  }
  for (const auto& slot : impl_->registry.slots()) {
    if (std::find(names.begin(), names.end(), slot->name()) == names.end()) ask(Change::Kind::remove, {slot->name(), {}, {}, {}, {}});
  }
  CCP_TRY(auto done, impl_->changes.perform(std::move(changes), actor, hooks));
  impl_->registry.arrange(names);
  impl_->count(done);
  return done;
}

void PluginHost::tend() {
  impl_->changes.reap();
  Metrics& metrics = impl_->context.metrics;
  metrics.gauge("ccp_plugin_retired", "Replaced plugin instances whose calls have not returned").set(retired());
  for (const auto& info : list()) {
    const Labels labels{{"instance", info.name}};
    readyGauge(metrics, info.name).set(info.state == "ready" || info.state == "degraded" ? 1 : 0);
    inFlightGauge(metrics, info.name).set(info.in_flight);
    if (info.process.isNull()) continue;
    const std::string breaker = info.process.strOr("breaker");
    metrics.gauge("ccp_plugin_breaker_state", "Of the instance's process: 0 closed, 1 half-open, 2 open (not restarted for now)", labels)
        .set(breaker == "open" ? 2 : breaker == "half_open" ? 1 : 0);
    metrics.gauge("ccp_plugin_process_rss_bytes", "Resident memory of the instance's process", labels).set(static_cast<double>(info.process.intOr("rss_bytes")));
  }
}

std::size_t PluginHost::libraries() const { return loadedLibraries(); }
int PluginHost::retired() const { return impl_->changes.retired(); }

// --- views ------------------------------------------------------------------------------------

std::vector<PluginInfo> PluginHost::list() const {
  std::vector<PluginInfo> out;
  for (const auto& slot : impl_->registry.slots()) out.push_back(infoOf(*slot->serving()));
  return out;
}

Json PluginHost::health() {
  Json out = Json::array();
  for (const auto& slot : impl_->registry.slots()) out.push(healthOf(*slot->get()));
  return out;
}

Result<Json> PluginHost::health(const std::string& name) {
  const auto slot = impl_->registry.slot(name);
  if (!slot) return unknownInstance(name);
  return healthOf(*slot->get());
}

Result<Json> PluginHost::inspect(const std::string& name) const {
  const auto slot = impl_->registry.slot(name);
  if (!slot) return unknownInstance(name);
  const auto serving = slot->serving();
  Json out = infoOf(*serving).json();
  out.set("sha256", serving->origin.sha256.empty() ? Json() : Json(serving->origin.sha256));
  out.set("egress", Json::object({{"origins", listOf(serving->origin.wanted.egress.origins)}, {"private_addresses", serving->origin.wanted.egress.private_addresses}}));
  out.set("manifest", manifestFacts(serving->instance->manifest()));
  out.set("operations", serving->instance->meters());
  return out;
}

void PluginHost::stop() {
  if (std::exchange(impl_->stopped, true)) return;
  impl_->ticker.stop();
  auto stuck = impl_->changes.close();
  for (const auto& slot : impl_->registry.slots()) {
    auto instance = slot->get();
    if (std::find(stuck.begin(), stuck.end(), instance) == stuck.end() && !instance->stop(impl_->settings.drain_timeout)) stuck.push_back(std::move(instance));
  }
  for (auto& instance : stuck) keepForEver(std::move(instance));
  if (const int left = impl_->pool.stop(impl_->settings.drain_timeout); left > 0) {
    log::error("plugin_threads_left", {{"threads", left}, {"detail", "calls into plugins have not returned; the process ends without them"}});
  }
}

BillingProviders& PluginHost::billing() { return impl_->registry; }
IdentityProviders& PluginHost::identity() { return impl_->registry; }
Exporters& PluginHost::exporters() { return impl_->registry; }
int PluginHost::runDueTicks() { return impl_->ticker.runDue(); }

}  // namespace ccp::plugin
