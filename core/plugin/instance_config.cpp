#include "core/plugin/instance_config.hpp"

#include "core/config/schema_validator.hpp"

namespace ccp::plugin {
namespace {

Status checkSecrets(const HostContext& host, const InstanceGrants& grants, const Json& value, const std::string& at) {
  for (const auto& [key, child] : value.members()) {
    if (key == "$secret") {
      const std::string* id = child.asString();
      if (!id || !grants.manifest.mayReadSecret(*id)) {
        std::string allowed;
        for (const auto& pattern : grants.manifest.permissions.secrets) allowed += (allowed.empty() ? "" : ", ") + pattern;
        return fail(Errc::config_invalid, "plugins[" + grants.name + "].config" + at + ": the signed manifest of " + grants.manifest.id +
                                              " allows the secrets " + (allowed.empty() ? "(none)" : allowed) + " only. Rename the secret.");
      }
      auto secret = host.secrets.get(*id);
      if (!secret) return fail(secret.error().code, "plugins[" + grants.name + "].config" + at + ": " + secret.error().detail);
      continue;
    }
    CCP_CHECK_OK(checkSecrets(host, grants, child, at + "/" + key));
  }
  std::size_t i = 0;
  for (const Json& child : value.items()) CCP_CHECK_OK(checkSecrets(host, grants, child, at + "/" + std::to_string(i++)));
  return {};
}

/// A value that the schema marks with x-ccp-egress is a URL that the plugin is going to ask: one that it
/// may not reach is refused here, where an operator sees it, and not with the first request.
Status checkEgress(const InstanceGrants& grants, const Json& value, const Json& schema) {
  for (const auto& [key, child] : schema["properties"].members()) {
    const Json* url = value.find(key);
    if (!child.boolOr("x-ccp-egress") || !url || !url->isString()) continue;
    const std::string where = "plugins[" + grants.name + "].config/" + key;
    const auto origin = originOf(*url->asString());
    if (!origin) return fail(Errc::config_invalid, where + " must be a plain http(s) URL without user info.");
    bool allowed = false;
    for (const auto* list : {&grants.manifest.permissions.egress, &grants.egress.origins}) {
      for (const auto& each : *list) allowed = allowed || originOf(each) == origin;
    }
    if (allowed) continue;
    return fail(Errc::config_invalid, where + ": this instance may not reach " + *origin + ". Allow it beside `config`: egress: [\"" + *origin +
                                          "\"] (and egress_private: true if it is a private address).");
  }
  return {};
}

}  // namespace

Result<Json> checkConfig(const std::string& instance, const std::string& plugin_id, const Json& config, const Json& schema) {
  Json value = config.isNull() ? Json::object() : config;
  const std::string who = "plugins[" + instance + "].config";
  if (schema.isNull()) {
    if (!value.empty()) return fail(Errc::config_invalid, who + ": plugin " + plugin_id + " takes no configuration. Remove it.");
    return value;
  }
  auto compiled = config::Schema::compile(schema);
  if (!compiled) return fail(Errc::plugin_refused, "Plugin " + plugin_id + ": its configuration schema is not valid: " + compiled.error().detail);
  value = compiled->withDefaults(value);
  if (Status valid = compiled->validate(value); !valid) {
    Error error = std::move(valid).error();
    error.code = Errc::config_invalid;
    std::string findings;
    for (const auto& field : error.fields) findings += (findings.empty() ? "" : "; ") + who + field.pointer + " " + field.rule;
    error.detail = findings.empty() ? who + ": " + error.detail : findings + ".";
    return fail(std::move(error));
  }
  return value;
}

Result<Json> prepareConfig(const HostContext& host, const InstanceGrants& grants, const Json& config, const Json& schema) {
  CCP_TRY(Json value, checkConfig(grants.name, grants.manifest.id, config, schema));
  CCP_CHECK_OK(checkSecrets(host, grants, value, {}));
  CCP_CHECK_OK(checkEgress(grants, value, schema));
  return value;
}

}  // namespace ccp::plugin
