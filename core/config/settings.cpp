#include "core/config/settings.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>

#include "core/base/file.hpp"
#include "core/config/catalog_check.hpp"
#include "core/config/environment.hpp"
#include "core/config/schema_validator.hpp"
#include "core/config/yaml.hpp"

namespace ccp::embedded {
std::string_view configSchema(std::string_view name);
}

namespace ccp::config {
namespace {

constexpr const char* kDefaultListen = "127.0.0.1:8787";
constexpr const char* kDefaultAdminListen = "127.0.0.1:9464";

const Json& schemaSource() {
  static const Json source = *parseJson(embedded::configSchema("ccp.schema.json"));
  return source;
}
const Schema& schema() {
  static const Schema compiled = *Schema::compile(schemaSource());
  return compiled;
}
/// The catalog's own schema, for a catalog in a file of its own.
const Schema& catalogSchema() {
  static const Schema compiled = [] {
    Json source = schemaSource()["definitions"]["catalog"];
    source.set("definitions", schemaSource()["definitions"]);
    return *Schema::compile(source);
  }();
  return compiled;
}

/// A YAML text and where it came from: turns pointers into "file:line:column".
struct Source {
  std::string origin;
  YamlDocument document;
  tl::unexpected<Error> invalid(const std::string& pointer, const std::string& why) const {
    return fail(Errc::config_invalid, document.where(origin, pointer) + ": " + (pointer.empty() ? "/" : pointer) + " " + why);
  }
};

/// valijson reports an unknown member at its parent and names it at the end, in quotes: the finding
/// belongs to the member's own line.
std::optional<std::string> unknownMember(const FieldError& finding) {
  if (finding.rule.find("could not be validated using 'properties'") == std::string::npos) return std::nullopt;
  const auto begin = finding.rule.rfind(": '");
  const auto end = finding.rule.rfind('\'');
  if (begin == std::string::npos || end <= begin + 3) return std::nullopt;
  return finding.rule.substr(begin + 3, end - begin - 3);
}

Status checkAgainst(const Schema& rules, const Json& value, const Source& source) {
  const auto status = rules.validate(value);
  if (status) return {};
  const auto& fields = status.error().fields;
  if (fields.empty()) return source.invalid("", status.error().detail);
  const auto& first = fields.front();
  if (const auto name = unknownMember(first)) return source.invalid(first.pointer + "/" + *name, "is no setting of this section.");
  return source.invalid(first.pointer, first.rule);
}

/// Durations were checked by the schema's pattern; what is left is range.
Result<Duration> duration(const Json& section, std::string_view key, Duration fallback) {
  const auto text = section.optStr(key);
  if (!text) return fallback;
  auto parsed = parseDuration(*text);
  if (!parsed) return fail(Errc::config_invalid, std::string(key) + ": " + parsed.error().detail);
  return *parsed;
}

std::string relativeTo(const std::string& folder, const std::string& path) {
  const std::filesystem::path p(path);
  return p.is_absolute() ? path : (std::filesystem::path(folder) / p).lexically_normal().string();
}

std::vector<std::string> strings(const Json& list) {
  std::vector<std::string> out;
  for (const auto& item : list.items()) {
    if (const auto* s = item.asString()) out.push_back(*s);
  }
  return out;
}

/// What a price's providers may be called, of the list under `plugins`.
CatalogNames namesOf(const Json& plugins) {
  CatalogNames out;
  for (const auto& item : plugins.items()) out.instances.insert(item.strOr("name"));
  return out;
}

/// Every mistake of a catalog at once: whoever writes prices corrects them in one go.
Status checkCatalog(const Json& list, const std::string& base, const Source& source, const CatalogNames& names) {
  const auto mistakes = catalogMistakes(list, base, names);
  if (mistakes.empty()) return {};
  return fail(catalogError(Errc::config_invalid, mistakes, source.document, source.origin));
}

Result<PlanCatalog> readCatalog(const Json& value, const Source& source, const std::string& folder, Settings& settings) {
  const Json& plans = value["plans"];
  PlanCatalog catalog;
  catalog.fallback = plans.strOr("fallback", "community");
  Json list = plans["catalog"];
  if (const auto* path = list.asString()) {
    const auto full = relativeTo(folder, *path);
    settings.files.push_back(full);
    auto text = readFile(full, 1 << 20);
    if (!text) return source.invalid("/plans/catalog", text.error().detail);
    CCP_TRY(auto document, parseYaml(*text, full));
    const Source own{full, std::move(document)};
    CCP_CHECK_OK(checkCatalog(own.document.value, "", own, namesOf(value["plugins"])));
    CCP_CHECK_OK(checkAgainst(catalogSchema(), own.document.value, own));
    list = own.document.value;
    Json section = settings.values["plans"];
    section.set("catalog", list);
    settings.values.set("plans", std::move(section));
  }
  catalog.plans = readPlans(list);
  if (catalog.plans.empty()) {
    // A deployment without a catalog still runs: everybody is on a free plan without entitlements.
    catalog.plans.push_back(Plan{"community", "Community", {}, {{"seats", 1}, {"devices", 3}}, {}});
  }
  if (catalog.fallback != "none" && !catalog.find(catalog.fallback)) {
    return source.invalid("/plans/fallback", "names no plan of the catalog; use a plan id or \"none\".");
  }
  return catalog;
}

Result<std::vector<PluginInstance>> readPlugins(const Json& list, const Source& source) {
  std::vector<PluginInstance> out;
  std::set<std::string> names;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const Json& item = list.items()[i];
    PluginInstance instance;
    instance.name = item.strOr("name");
    instance.plugin = item.strOr("plugin");
    instance.isolation = item.strOr("isolation");
    instance.config = item["config"].isObject() ? item["config"] : Json::object();
    instance.egress = {strings(item["egress"]), item.boolOr("egress_private")};
    for (const char* taken : {"trust", "versions"}) {  // /v1/admin/plugins/trust is no instance
      if (instance.name == taken) return source.invalid("/plugins/" + std::to_string(i) + "/name", "is a word of the operator API; choose another name.");
    }
    if (!names.insert(instance.name).second) {
      return source.invalid("/plugins/" + std::to_string(i) + "/name", "is the name of another instance as well.");
    }
    out.push_back(std::move(instance));
  }
  return out;
}

Result<Settings::Policy> readPolicy(const Json& json, bool dev) {
  Settings::Policy out;
  out.channel = json.strOr("channel", dev ? "dev" : "prod");
  out.root_sha256 = json.strOr("root_sha256");
  CCP_TRY(out.stale_grace, duration(json, "stale_grace", out.stale_grace));
  if (json.find("lanes")) out.lanes = strings(json["lanes"]);
  out.max_flip = json["max_flip"].asDouble().value_or(out.max_flip);
  out.shadow_dev = json.boolOr("shadow_dev", false);
  const Json& log = json["decision_log"];
  out.decision_log.sample_allow = log["sample_allow"].asDouble().value_or(out.decision_log.sample_allow);
  CCP_TRY(out.decision_log.retention, duration(log, "retention", out.decision_log.retention));
  const Json& store = json["replay_store"];
  out.replay_store.enabled = store.boolOr("enabled", false);
  CCP_TRY(out.replay_store.retention, duration(store, "retention", out.replay_store.retention));
  return out;
}

bool isLoopback(const std::string& listen) {
  const auto host = listen.substr(0, listen.rfind(':'));
  return host == "127.0.0.1" || host == "localhost" || host == "[::1]" || host == "::1";
}

Result<std::optional<Tls>> readTls(const Json& json, const Source& source, const std::string& folder) {
  if (!json.isObject()) return std::optional<Tls>();
  const auto path = [&](const char* key) {
    const auto written = json.strOr(key);
    return written.empty() ? written : relativeTo(folder, written);
  };
  Tls out;
  out.cert_file = path("cert_file");
  out.key_file = path("key_file");
  out.key_secret = json["key"].strOr("$secret");
  out.client_ca_file = path("client_ca_file");
  const auto auth = json.strOr("client_auth", "none");
  out.client_auth = auth == "required" ? ClientAuth::required : auth == "optional" ? ClientAuth::optional : ClientAuth::none;
  out.client_paths = strings(json["client_paths"]);
  // YAML reads 1.3 without quotes as a number.
  out.tls12 = json.strOr("min_version") != "1.3" && json["min_version"].asDouble().value_or(1.2) < 1.3;
  if (out.key_file.empty() == out.key_secret.empty()) {
    return source.invalid("/server/tls", "needs the certificate's key: either key_file, or key: {$secret: …}.");
  }
  if ((out.client_auth != ClientAuth::none) == out.client_ca_file.empty()) {
    return source.invalid("/server/tls/client_auth", out.client_ca_file.empty() ? "needs client_ca_file: who issues the certificates of clients?"
                                                                                : "must be optional or required when client_ca_file is set.");
  }
  if (!out.client_paths.empty() && out.client_auth != ClientAuth::optional) {
    return source.invalid("/server/tls/client_paths", "goes with client_auth: optional (required asks every client).");
  }
  return std::optional(std::move(out));
}

Result<Settings::Server> readServer(const Json& json, const Source& source, const std::string& folder) {
  Settings::Server out;
  out.listen = json.strOr("listen", kDefaultListen);
  out.admin_listen = json.strOr("admin_listen", kDefaultAdminListen);
  out.public_url = json.strOr("public_url");
  out.trusted_proxies = strings(json["trusted_proxies"]);
  CCP_TRY(out.tls, readTls(json["tls"], source, folder));
  const auto number = [&](const char* key, int& value) { value = static_cast<int>(json.intOr(key, value)); };
  number("loops", out.loops);
  number("threads", out.threads);
  number("max_queued", out.max_queued);
  number("max_connections", out.max_connections);
  number("max_connections_per_address", out.max_connections_per_address);
  number("requests_per_second_per_address", out.requests_per_second_per_address);
  number("verifications_per_second_per_address", out.verifications_per_second_per_address);
  number("min_bytes_per_second", out.min_bytes_per_second);
  const auto size = [&](const char* key, std::size_t& value) { value = static_cast<std::size_t>(json.intOr(key, static_cast<std::int64_t>(value))); };
  size("token_cache", out.token_cache);
  size("body_memory", out.body_memory);
  size("max_body", out.max_body);
  CCP_TRY(out.header_timeout, duration(json, "header_timeout", out.header_timeout));
  CCP_TRY(out.body_timeout, duration(json, "body_timeout", out.body_timeout));
  CCP_TRY(out.write_timeout, duration(json, "write_timeout", out.write_timeout));
  CCP_TRY(out.idle_timeout, duration(json, "idle_timeout", out.idle_timeout));
  CCP_TRY(out.drain_timeout, duration(json, "drain_timeout", out.drain_timeout));
  return out;
}

/// Whose port is beyond 65535 passed the schema's pattern.
bool portInRange(const std::string& listen) { return std::stol(listen.substr(listen.rfind(':') + 1)) <= 65535; }

Status checkMode(const Settings& settings, const Source& source) {
  for (const auto& [pointer, value] : {std::pair<const char*, const std::string&>{"/server/listen", settings.server.listen},
                                       {"/server/admin_listen", settings.server.admin_listen}}) {
    if (!portInRange(value)) return source.invalid(pointer, "has a port beyond 65535.");
    if (settings.dev() && !isLoopback(value)) {
      return source.invalid(pointer, "must be a loopback address in dev mode (127.0.0.1 or localhost); use mode: prod to serve others.");
    }
  }
  const auto& server = settings.server;
  if (server.tls && server.public_url.starts_with("http://")) {
    return source.invalid("/server/public_url", "must be an https:// URL when server.tls is set.");
  }
  for (std::size_t i = 0; i < server.trusted_proxies.size(); ++i) {
    if (server.trusted_proxies[i].ends_with("/0")) {
      return source.invalid("/server/trusted_proxies/" + std::to_string(i), "trusts every address; name your proxies.");
    }
  }
  if (settings.dev()) return {};
  if (!settings.server.public_url.starts_with("https://")) {
    return source.invalid("/server/public_url", "must be an https:// URL in prod mode.");
  }
  if (!isLoopback(server.listen) && !server.tls && server.trusted_proxies.empty()) {
    return source.invalid("/server/listen", "would take clear text from other machines: give server.tls a certificate, or name the proxy that ends TLS in server.trusted_proxies.");
  }
  if (settings.master_key_file.empty()) {
    return source.invalid("/master_key_file", "is required in prod mode (or set CCP_MASTER_KEY_FILE); make one with: head -c32 /dev/urandom | basenc --base64url | tr -d '='.");
  }
  if (settings.mail.smtp.empty() || settings.mail.from.empty()) {
    return source.invalid("/mail", "needs smtp and from in prod mode: sign-in sends mail.");
  }
  return {};
}

/// Every section there, every default filled: so that leaving a setting out equals writing its default.
Json completed(const Json& value) {
  Json out = value;
  for (const auto& [name, rule] : schemaSource()["properties"].members()) {
    if (rule.strOr("type") == "object" && !out.find(name)) out.set(name, Json::object());
  }
  return schema().withDefaults(out);
}

Result<Settings> build(const Json& value, const Source& source, const std::string& folder) {
  Settings s;
  s.files = {source.origin};
  s.values = completed(value);
  s.mode = value.strOr("mode", "dev") == "prod" ? Mode::prod : Mode::dev;
  s.signup = value.strOr("signup", s.dev() ? "open" : "closed");
  s.product_id = value["product"].strOr("id", "ccp");
  s.product_name = value["product"].strOr("name", "CCP");
  s.state_dir = relativeTo(folder, value.strOr("state_dir", "ccp-state"));
  s.plugin_dir = value.strOr("plugin_dir");
  if (s.plugin_dir.empty()) {
    std::error_code ec;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", ec);
    s.plugin_dir = (program.parent_path().parent_path() / "lib/ccp/plugins").string();
  } else {
    s.plugin_dir = relativeTo(folder, s.plugin_dir);
  }
  s.master_key_file = value.strOr("master_key_file");
  if (!s.master_key_file.empty()) s.master_key_file = relativeTo(folder, s.master_key_file);

  CCP_TRY(s.server, readServer(value["server"], source, folder));

  s.store.url = value["store"].strOr("url", "sqlite://" + std::filesystem::absolute(s.state_dir).lexically_normal().string() + "/ccp.db");
  const Json& mail = value["mail"];
  s.mail = {mail.strOr("smtp"), mail.strOr("from"), mail.strOr("user"), mail["password"].strOr("$secret"),
            mail.boolOr("starttls", true), mail.strOr("ca_file")};

  const Json& license = value["license"];
  CCP_TRY(s.license.pack_ttl, duration(license, "pack_ttl", s.license.pack_ttl));
  CCP_TRY(s.license.offline_grace, duration(license, "offline_grace", s.license.offline_grace));
  CCP_TRY(s.license.access_ttl, duration(license, "access_ttl", s.license.access_ttl));
  CCP_TRY(s.license.refresh_idle, duration(license, "refresh_idle", s.license.refresh_idle));
  CCP_TRY(s.license.heartbeat_interval, duration(license, "heartbeat_interval", s.license.heartbeat_interval));

  const Json& billing = value["billing"];
  s.billing.default_instance = billing.strOr("default");
  s.billing.grace_days = static_cast<int>(billing.intOr("grace_days", 7));
  s.billing.on_dispute = billing.strOr("on_dispute", "keep");
  CCP_TRY(s.billing.reconcile_interval, duration(billing, "reconcile_interval", s.billing.reconcile_interval));
  s.billing.calls_per_minute = static_cast<double>(billing.intOr("calls_per_minute", 90));
  if (billing["reminder_days"].isArray()) {
    s.billing.reminder_days.clear();
    for (const auto& day : billing["reminder_days"].items()) s.billing.reminder_days.push_back(static_cast<int>(day.asInt().value_or(0)));
    std::sort(s.billing.reminder_days.begin(), s.billing.reminder_days.end());
  }
  for (const auto& item : billing["meters"].items()) {
    Meter meter;
    meter.name = item.strOr("name");
    for (const auto& counter : item["sum"].items()) meter.counters.push_back(*counter.asString());
    s.billing.meters.push_back(std::move(meter));
  }
  s.usage.k_safety = static_cast<int>(value["usage"].intOr("k_safety", 5));
  s.log = {value["log"].strOr("level", "info"), value["log"].strOr("format", "json")};

  CCP_TRY(s.policy, readPolicy(value["policy"], s.dev()));
  s.reload.watch = value["reload"].boolOr("watch", true);
  CCP_TRY(s.plugins, readPlugins(value["plugins"], source));
  CCP_TRY(s.plans, readCatalog(value, source, folder, s));
  const auto is_default = [&](const PluginInstance& p) { return p.name == s.billing.default_instance; };
  if (!s.billing.default_instance.empty() && std::none_of(s.plugins.begin(), s.plugins.end(), is_default)) {
    return source.invalid("/billing/default", "names no instance under plugins.");
  }
  CCP_CHECK_OK(checkMode(s, source));
  return s;
}

}  // namespace

Result<Settings> parseSettings(std::string_view yaml, const std::string& origin,
                               const std::map<std::string, std::string>& environment) {
  CCP_TRY(auto document, parseYaml(yaml, origin));
  Source source{origin, std::move(document)};
  if (!source.document.value.isObject()) return source.invalid("", "must be a mapping.");
  Json value = source.document.value;
  CCP_CHECK_OK(applyEnvironment(value, schemaSource(), environment));
  if (const Json& list = value["plans"]["catalog"]; list.isArray()) {
    CCP_CHECK_OK(checkCatalog(list, "/plans/catalog", source, namesOf(value["plugins"])));
  }
  CCP_CHECK_OK(checkAgainst(schema(), value, source));
  auto folder = std::filesystem::path(origin).parent_path().string();
  return build(value, source, folder.empty() ? "." : folder);
}

Result<Settings> loadSettings(const std::string& path, const std::map<std::string, std::string>& environment) {
  auto text = readFile(path, 1 << 20);
  if (!text) return fail(Errc::config_invalid, text.error().detail + " Give another file with --config.");
  return parseSettings(*text, path, environment);
}

namespace {

Json describeTls(const std::optional<Tls>& tls) {
  if (!tls) return {};
  const char* auth = tls->client_auth == ClientAuth::none ? "none" : tls->client_auth == ClientAuth::optional ? "optional" : "required";
  return Json::object({{"cert_file", tls->cert_file},
                       {"key", tls->key_file.empty() ? Json::object({{"$secret", tls->key_secret}}) : Json(tls->key_file)},
                       {"client_ca_file", tls->client_ca_file.empty() ? Json() : Json(tls->client_ca_file)},
                       {"client_auth", auth},
                       {"min_version", tls->tls12 ? "1.2" : "1.3"}});
}

}  // namespace

Json describeSettings(const Settings& s) {
  Json plugins = Json::array();
  for (const auto& p : s.plugins) {
    plugins.push(Json::object({{"name", p.name}, {"plugin", p.plugin}, {"isolation", p.isolation.empty() ? Json() : Json(p.isolation)}}));
  }
  Json plans = Json::array();
  for (const auto& plan : s.plans.plans) plans.push(plan.id);
  // A database URL may hold a password: show what stands before and after it.
  std::string url = s.store.url;
  const auto at = url.find('@');
  const auto scheme = url.find("://");
  if (at != std::string::npos && scheme != std::string::npos) url.replace(scheme + 3, at - scheme - 3, "***");
  return Json::object({{"mode", s.dev() ? "dev" : "prod"},
                       {"signup", s.signup},
                       {"product", Json::object({{"id", s.product_id}, {"name", s.product_name}})},
                       {"state_dir", s.state_dir},
                       {"plugin_dir", s.plugin_dir},
                       {"server", Json::object({{"public_url", s.server.public_url}, {"listen", s.server.listen}, {"admin_listen", s.server.admin_listen}, {"tls", describeTls(s.server.tls)}})},
                       {"store", url},
                       {"billing", Json::object({{"default", s.billing.default_instance}, {"grace_days", s.billing.grace_days}})},
                       {"policy", Json::object({{"channel", s.policy.channel}, {"root_sha256", s.policy.root_sha256.empty() ? Json() : Json(s.policy.root_sha256)}})},
                       {"plugins", std::move(plugins)},
                       {"plans", std::move(plans)}});
}

}  // namespace ccp::config
