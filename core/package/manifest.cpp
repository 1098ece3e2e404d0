#include "core/package/manifest.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "core/package/syntax.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxBytes = 256 * 1024;
constexpr std::size_t kMaxList = 64;

tl::unexpected<Error> bad(const std::string& where, const std::string& rule) {
  return fail(Errc::plugin_refused, "plugin.json: " + where + " " + rule + ".");
}

Status onlyKnown(const Json& object, const std::string& where, std::initializer_list<std::string_view> known) {
  if (!object.isObject()) return bad(where, "must be an object");
  for (const auto& [key, value] : object.members()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return bad(where, "has the member \"" + key.substr(0, 64) + "\", which this version of ccpd does not know; a newer one may");
    }
  }
  return {};
}

using Check = bool (*)(std::string_view);

Result<std::vector<std::string>> listOf(const Json& parent, const std::string& where, std::string_view key, Check check, const char* rule) {
  std::vector<std::string> out;
  const Json* list = parent.find(key);
  if (!list) return out;
  const std::string name = where + std::string(key);
  if (!list->isArray() || list->size() > kMaxList) return bad(name, "must be a list of at most 64 texts");
  for (const Json& item : list->items()) {
    const std::string* text = item.asString();
    if (!text || !check(*text)) return bad(name, rule);
    if (std::find(out.begin(), out.end(), *text) != out.end()) return bad(name, "names \"" + *text + "\" twice");
    out.push_back(*text);
  }
  return out;
}

Result<std::int64_t> numberIn(const Json& parent, const std::string& where, std::string_view key, std::int64_t fallback, std::int64_t min, std::int64_t max) {
  const Json* value = parent.find(key);
  if (!value) return fallback;
  const auto number = value->asInt();
  if (!number || *number < min || *number > max) {
    return bad(where + std::string(key), "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
  }
  return *number;
}

Result<std::optional<Timestamp>> timeIn(const Json& root, std::string_view key) {
  const Json* value = root.find(key);
  if (!value) return std::optional<Timestamp>();
  const std::string* text = value->asString();
  if (text) {
    if (auto at = parseRfc3339(*text)) return std::optional<Timestamp>(*at);
  }
  return bad(std::string(key), "must be an RFC 3339 time");
}

Status readIdentity(const Json& root, Manifest& m) {
  if (root.strOr("schema") != "ccp.plugin/1") return bad("schema", "must be \"ccp.plugin/1\"");
  m.id = root.strOr("id");
  if (!isDotted(m.id, '.', 2)) return bad("id", "must be lower-case words joined by dots, such as ccp.billing-polar");
  m.version = root.strOr("version");
  if (!isVersion(m.version)) return bad("version", "must be three numbers, such as 1.4.0");
  const Json& abi = root["abi"];
  CCP_CHECK_OK(onlyKnown(abi, "abi", {"major", "min_minor", "mode"}));
  if (!abi.find("major")) return bad("abi.major", "is missing");
  CCP_TRY(const auto major, numberIn(abi, "abi.", "major", 0, 1, 1000));
  CCP_TRY(const auto minor, numberIn(abi, "abi.", "min_minor", 0, 0, 1000));
  if (abi.find("mode") && abi.strOr("mode") != "stable") return bad("abi.mode", "must be \"stable\"");
  m.abi_major = static_cast<int>(major);
  m.abi_min_minor = static_cast<int>(minor);
  return {};
}

Status readInterfaces(const Json& root, Manifest& m) {
  constexpr const char* kRule = "must hold ids such as ccp.billing/1";
  CCP_TRY(m.provides, listOf(root, "", "provides", isRevisionId, kRule));
  if (m.provides.empty()) return bad("provides", "must name at least one interface");
  CCP_TRY(m.required_services, listOf(root, "", "requires", isRevisionId, kRule));
  CCP_TRY(m.optional_services, listOf(root, "", "optional", isRevisionId, kRule));
  return {};
}

Status readPermissions(const Json& root, Manifest& m) {
  const Json* permissions = root.find("permissions");
  if (!permissions) return {};
  CCP_CHECK_OK(onlyKnown(*permissions, "permissions", {"egress", "secrets", "kv_bytes", "events"}));
  const std::string at = "permissions.";
  CCP_TRY(m.permissions.egress, listOf(*permissions, at, "egress", isHttpsOrigin,
                                       "must hold origins such as https://api.example.com, in lower case, without path and default port"));
  CCP_TRY(m.permissions.secrets, listOf(*permissions, at, "secrets", isSecretPattern, "must hold secret ids such as polar/token or polar/*"));
  CCP_TRY(m.permissions.events, listOf(*permissions, at, "events", [](std::string_view text) { return isDotted(text, '.', 2); },
                                       "must hold event types such as usage.accepted"));
  CCP_TRY(m.permissions.kv_bytes, numberIn(*permissions, at, "kv_bytes", 0, 0, std::int64_t{64} << 20));
  return {};
}

Status readLimits(const Json& root, Manifest& m) {
  CCP_TRY(const auto concurrency, numberIn(root, "", "max_concurrency", 1, 1, 256));
  m.max_concurrency = static_cast<int>(concurrency);
  m.allows_process = root.find("isolation") == nullptr;
  if (const Json* isolation = root.find("isolation")) {
    CCP_CHECK_OK(onlyKnown(*isolation, "isolation", {"allowed"}));
    CCP_TRY(const auto allowed, listOf(*isolation, "isolation.", "allowed", [](std::string_view t) { return t == "process" || t == "inproc"; },
                                       "must hold \"process\" or \"inproc\""));
    m.allows_inproc = std::find(allowed.begin(), allowed.end(), "inproc") != allowed.end();
    m.allows_process = std::find(allowed.begin(), allowed.end(), "process") != allowed.end();
  }
  const Json* limits = root.find("limits");
  if (!limits) return {};
  CCP_CHECK_OK(onlyKnown(*limits, "limits", {"op_timeout_ms", "output_bytes", "rss_mb"}));
  CCP_TRY(const auto timeout, numberIn(*limits, "limits.", "op_timeout_ms", 10'000, 10, 300'000));
  CCP_TRY(const auto output, numberIn(*limits, "limits.", "output_bytes", 1 << 20, 1024, 64 << 20));
  CCP_TRY(const auto rss, numberIn(*limits, "limits.", "rss_mb", 256, 16, 65'536));
  m.op_timeout = milliseconds(timeout);
  m.output_bytes = static_cast<std::size_t>(output);
  m.rss_bytes = static_cast<std::uint64_t>(rss) << 20;
  return {};
}

Status readFiles(const Json& root, Manifest& m) {
  const Json& files = root["files"];
  if (!files.isObject() || files.empty() || files.size() > kMaxList) return bad("files", "must name 1 to 64 files with their hashes");
  for (const auto& [path, hash] : files.members()) {
    if (!isPlainPath(path)) return bad("files", "holds a path that is not plain and relative");
    const std::string* text = hash.asString();
    if (!text || !isSha256(*text)) return bad("files/" + path, "must be \"sha256:\" and 64 lower-case hex digits");
    m.files[path] = text->substr(7);
    if (!path.ends_with(".so")) continue;
    if (!m.library.empty() || path.find('/') != std::string::npos) return bad("files", "must hold exactly one .so, beside plugin.json");
    m.library = path;
  }
  if (m.library.empty()) return bad("files", "must hold exactly one .so, beside plugin.json");
  if (const Json* schema = root.find("config_schema")) {
    m.config_schema = schema->asString() ? *schema->asString() : std::string();
    if (m.files.count(m.config_schema) == 0) return bad("config_schema", "must name one of the files");
  }
  return {};
}

}  // namespace

bool Manifest::provides_interface(std::string_view interface_id) const {
  return std::find(provides.begin(), provides.end(), interface_id) != provides.end();
}

bool Manifest::mayReadSecret(std::string_view secret_id) const {
  return std::any_of(permissions.secrets.begin(), permissions.secrets.end(),
                     [secret_id](const std::string& pattern) { return matchesPattern(pattern, secret_id); });
}

bool matchesPattern(std::string_view pattern, std::string_view text) noexcept {
  if (!pattern.ends_with('*')) return pattern == text;
  pattern.remove_suffix(1);
  return text.size() > pattern.size() && text.starts_with(pattern);
}

bool versionLess(std::string_view a, std::string_view b) noexcept {
  const auto next = [](std::string_view& text) {
    std::uint64_t value = 0;
    while (!text.empty() && text.front() != '.') {
      const char c = text.front();
      if (c >= '0' && c <= '9' && value < 1'000'000'000) value = value * 10 + static_cast<std::uint64_t>(c - '0');
      text.remove_prefix(1);
    }
    if (!text.empty()) text.remove_prefix(1);
    return value;
  };
  while (!a.empty() || !b.empty()) {
    const auto x = next(a);
    const auto y = next(b);
    if (x != y) return x < y;
  }
  return false;
}

Result<Manifest> parseManifest(std::string_view text) {
  auto root = parseJson(text, {kMaxBytes, 32});
  if (!root) return fail(Errc::plugin_refused, "plugin.json is not strict JSON: " + root.error().detail);
  CCP_CHECK_OK(onlyKnown(*root, "the manifest", {"$schema", "schema", "id", "version", "title", "description", "abi", "provides", "requires",
                                                 "optional", "permissions", "isolation", "max_concurrency", "limits", "files", "config_schema",
                                                 "built", "min_host", "not_before", "expires"}));
  Manifest m;
  CCP_CHECK_OK(readIdentity(*root, m));
  CCP_CHECK_OK(readInterfaces(*root, m));
  CCP_CHECK_OK(readPermissions(*root, m));
  CCP_CHECK_OK(readLimits(*root, m));
  CCP_CHECK_OK(readFiles(*root, m));
  CCP_TRY(m.not_before_at, timeIn(*root, "not_before"));
  CCP_TRY(m.expires_at, timeIn(*root, "expires"));
  m.min_host = root->strOr("min_host");
  if (root->find("min_host") && !isVersion(m.min_host)) return bad("min_host", "must be three numbers, such as 0.2.0");
  return m;
}

Json manifestFacts(const Manifest& m) {
  const auto list = [](const std::vector<std::string>& items) {
    Json out = Json::array();
    for (const auto& item : items) out.push(item);
    return out;
  };
  Json isolation = Json::array();
  if (m.allows_inproc) isolation.push("inproc");
  if (m.allows_process) isolation.push("process");
  const Permissions& p = m.permissions;
  return Json::object(
      {{"id", m.id},
       {"version", m.version},
       {"abi", std::to_string(m.abi_major) + "." + std::to_string(m.abi_min_minor)},
       {"provides", list(m.provides)},
       {"requires", list(m.required_services)},
       {"optional", list(m.optional_services)},
       {"permissions", Json::object({{"egress", list(p.egress)}, {"secrets", list(p.secrets)}, {"events", list(p.events)}, {"kv_bytes", p.kv_bytes}})},
       {"isolation_allowed", std::move(isolation)},
       {"max_concurrency", m.max_concurrency},
       {"op_timeout_ms", static_cast<std::int64_t>(std::chrono::duration_cast<milliseconds>(m.op_timeout).count())},
       {"output_bytes", m.output_bytes},
       {"rss_bytes", static_cast<std::int64_t>(m.rss_bytes)},
       {"expires_at", m.expires_at ? Json(formatRfc3339(*m.expires_at)) : Json()}});
}

}  // namespace ccp::plugin
