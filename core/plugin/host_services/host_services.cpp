#include <algorithm>
#include <array>
#include <utility>

#include "core/plugin/host_services/services.hpp"

namespace ccp::plugin {

HostServices::HostServices(const HostContext& host, InstanceGrants grants)
    : host_(host),
      grants_(std::move(grants)),
      log_(host_, grants_),
      clock_(host_),
      http_(host_, grants_),
      kv_(host_, grants_),
      secrets_(host_, grants_),
      crypto_(host_, grants_),
      metrics_(host_, grants_),
      events_(host_, grants_),
      scheduler_(grants_) {
  table_ = {sizeof(ccp_host), CCP_ABI_MAJOR, CCP_ABI_MINOR, this, "ccpd", CCP_VERSION,
            [](const ccp_host* self, const char* id) noexcept -> const void* {
              return id ? static_cast<const HostServices*>(self->ctx)->find(id) : nullptr;
            },
            host_.dev ? "dev" : "prod"};
}

const void* HostServices::find(std::string_view id) const {
  const std::array<std::pair<std::string_view, const void*>, 9> all = {{{CCP_LOG_ID, log_.table()},
                                                                        {CCP_CLOCK_ID, clock_.table()},
                                                                        {CCP_HTTP_ID, http_.table()},
                                                                        {CCP_KV_ID, kv_.table()},
                                                                        {CCP_SECRETS_ID, secrets_.table()},
                                                                        {CCP_CRYPTO_ID, crypto_.table()},
                                                                        {CCP_METRICS_ID, metrics_.table()},
                                                                        {CCP_EVENTS_ID, events_.table()},
                                                                        {CCP_SCHEDULER_ID, scheduler_.table()}}};
  const auto listed = [id](const std::vector<std::string>& ids) { return std::find(ids.begin(), ids.end(), id) != ids.end(); };
  const Manifest& m = grants_.manifest;
  if (id != CCP_LOG_ID && id != CCP_CLOCK_ID && !listed(m.required_services) && !listed(m.optional_services)) return nullptr;
  for (const auto& [name, table] : all) {
    if (name == id) return table;
  }
  return nullptr;
}

Result<SecretBytes> readSecret(const HostContext& host, const InstanceGrants& grants, std::string_view id, const char* use) {
  if (!grants.manifest.mayReadSecret(id)) {
    return fail(Errc::forbidden, "Plugin " + grants.manifest.id + " may not use the secret \"" + std::string(id.substr(0, 100)) +
                                     "\": its signed manifest names " + (grants.manifest.permissions.secrets.empty() ? "none" : "others") + ".");
  }
  log::debug("plugin_secret_used", {{"instance", grants.name}, {"id", id}, {"use", use}});
  host.metrics.counter("ccp_plugin_secret_uses_total", "Uses of secrets by plugins", {{"instance", grants.name}, {"use", use}}).add();
  return host.secrets.get(id);
}

}  // namespace ccp::plugin
