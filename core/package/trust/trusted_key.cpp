#include "core/package/trust/trusted_key.hpp"

#include <algorithm>
#include <initializer_list>

#include "ccp/abi/host.h"
#include "core/package/syntax.hpp"
#include "core/package/trust/key_file.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxList = 64;
constexpr std::int64_t kMaxKvBytes = std::int64_t{64} << 20;  // as manifests

tl::unexpected<Error> bad(const std::string& member, const std::string& rule) {
  Error error{Errc::validation_failed, member + " " + rule + "."};
  error.fields.push_back({"/" + member, rule});
  return fail(std::move(error));
}

Status onlyKnown(const Json& object, const std::string& what, std::initializer_list<std::string_view> known) {
  if (!object.isObject()) return bad(what, "must be an object");
  for (const auto& [name, value] : object.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) return bad(what + "/" + name.substr(0, 64), "is not known");
  }
  return {};
}

using Check = bool (*)(std::string_view);

Result<std::vector<std::string>> listOf(const Json& parent, std::string_view key, const std::string& member, Check check, const char* rule) {
  std::vector<std::string> out;
  const Json* list = parent.find(key);
  if (!list) return out;
  if (!list->isArray() || list->size() > kMaxList) return bad(member, "must be a list of at most 64 texts");
  for (const Json& item : list->items()) {
    const std::string* text = item.asString();
    if (!text || !check(*text)) return bad(member, rule);
    if (std::find(out.begin(), out.end(), *text) == out.end()) out.push_back(*text);
  }
  return out;
}

bool isPrefix(std::string_view text) {
  return text.ends_with('.') && isDotted(text.substr(0, text.size() - 1), '.', 1) && !text.starts_with(kVendorPrefix);
}
bool isChannel(std::string_view text) { return text == "dev" || text == "prod"; }
bool isEgressPattern(std::string_view text) {
  if (text == "*") return true;
  constexpr std::string_view kBelow = "https://*.";
  if (!text.starts_with(kBelow)) return isHttpsOrigin(text);
  const std::string origin = "https://" + std::string(text.substr(kBelow.size()));
  return isHttpsOrigin(origin) && origin.find('[') == std::string::npos;
}
bool isSecretGrant(std::string_view text) { return text == "*" || isSecretPattern(text); }
bool isServiceGrant(std::string_view text) { return text == "*" || isRevisionId(text); }
bool isEventGrant(std::string_view text) {
  if (text == "*") return true;
  if (text.ends_with(".*")) return isDotted(text.substr(0, text.size() - 2), '.', 1);
  return isDotted(text, '.', 2);
}

Json listJson(const std::vector<std::string>& list) {
  Json out = Json::array();
  for (const auto& text : list) out.push(text);
  return out;
}
std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& text : list) out += (out.empty() ? "" : ", ") + text;
  return out.empty() ? "nothing" : out;
}

Result<Grants> readGrants(const Json& json) {
  Grants out;
  CCP_CHECK_OK(onlyKnown(json, "grants", {"egress", "secrets", "services", "events", "kv_bytes", "inproc"}));
  CCP_TRY(out.egress, listOf(json, "egress", "grants/egress", isEgressPattern,
                             "must hold https origins such as https://api.acme.dev, https://*.acme.dev for everything below, or *"));
  CCP_TRY(out.secrets, listOf(json, "secrets", "grants/secrets", isSecretGrant, "must hold secret ids such as acme/token, acme/*, or *"));
  CCP_TRY(out.services, listOf(json, "services", "grants/services", isServiceGrant, "must hold services such as ccp.http/1, or *"));
  CCP_TRY(out.events, listOf(json, "events", "grants/events", isEventGrant, "must hold event types such as usage.accepted, usage.*, or *"));
  if (const Json* bytes = json.find("kv_bytes")) {
    const auto number = bytes->asInt();
    if (!number || *number < 0 || *number > kMaxKvBytes) return bad("grants/kv_bytes", "must be an integer from 0 to " + std::to_string(kMaxKvBytes));
    out.kv_bytes = *number;
  }
  if (const Json* inproc = json.find("inproc")) {
    if (!inproc->isBool()) return bad("grants/inproc", "must be true or false");
    out.inproc = *inproc->asBool();
  }
  return out;
}

template <class Matches>
void findMissing(std::vector<MissingGrant>& out, const char* permission, const char* option, const std::vector<std::string>& asked,
                 const std::vector<std::string>& granted, Matches matches) {
  for (const auto& text : asked) {
    if (std::any_of(granted.begin(), granted.end(), [&](const auto& pattern) { return matches(pattern, text); })) continue;
    out.push_back({permission, text, joined(granted), std::string(option) + " " + (text.find('*') == std::string::npos ? text : "'" + text + "'")});
  }
}

}  // namespace

const char* toString(Channel channel) noexcept { return channel == Channel::dev ? "dev" : "prod"; }

Grants Grants::everything() { return {{"*"}, {"*"}, {"*"}, {"*"}, kMaxKvBytes, true}; }

Json Grants::json() const {
  return Json::object({{"egress", listJson(egress)}, {"secrets", listJson(secrets)}, {"services", listJson(services)},
                       {"events", listJson(events)}, {"kv_bytes", kv_bytes}, {"inproc", inproc}});
}

std::string TrustedKey::name() const { return kid() + (title.empty() ? "" : " (" + title + ")"); }

bool TrustedKey::maySign(std::string_view plugin_id) const noexcept {
  if (plugin_id.starts_with(kVendorPrefix)) return false;
  return std::any_of(prefixes.begin(), prefixes.end(), [plugin_id](const auto& prefix) { return plugin_id.starts_with(prefix); });
}

bool TrustedKey::serves(Channel channel) const noexcept { return std::find(channels.begin(), channels.end(), channel) != channels.end(); }

const char* TrustedKey::state(Timestamp now) const noexcept {
  if (revoked_at) return "revoked";
  return expires_at && now >= *expires_at ? "expired" : "active";
}

Json TrustedKey::terms() const {
  Json modes = Json::array();
  for (const Channel channel : channels) modes.push(toString(channel));
  return Json::object({{"prefixes", listJson(prefixes)}, {"channels", std::move(modes)}, {"grants", grants.json()},
                       {"expires_at", expires_at ? Json(formatRfc3339(*expires_at)) : Json()}});
}

Json TrustedKey::json(Timestamp now) const {
  Json out = Json::object({{"kid", kid()}, {"title", title}, {"state", state(now)}, {"public_key", key.jwk()}});
  const Json mine = terms();
  for (const auto& [name, value] : mine.members()) out.set(name, value);
  out.set("revoked_at", revoked_at ? Json(formatRfc3339(*revoked_at)) : Json());
  out.set("revoked_reason", revoked_reason);
  return out;
}

Status readTerms(const Json& terms, TrustedKey& key) {
  CCP_CHECK_OK(onlyKnown(terms, "terms", {"prefixes", "channels", "grants", "expires_at"}));
  CCP_TRY(key.prefixes, listOf(terms, "prefixes", "prefixes", isPrefix,
                               "must hold beginnings of plugin ids that end in a dot, such as acme. (never ccp., which is the vendor's)"));
  if (key.prefixes.empty()) return bad("prefixes", "must name at least one beginning of plugin ids, such as acme.");
  CCP_TRY(const auto channels, listOf(terms, "channels", "channels", isChannel, "must hold dev or prod"));
  if (channels.empty()) return bad("channels", "must name dev, prod or both");
  key.channels.clear();
  for (const auto& channel : channels) key.channels.push_back(channel == "dev" ? Channel::dev : Channel::prod);
  key.grants = {};
  if (const Json* grants = terms.find("grants")) {
    CCP_TRY(key.grants, readGrants(*grants));
  }
  key.expires_at.reset();
  if (const Json* at = terms.find("expires_at"); at && !at->isNull()) {
    const auto time = parseRfc3339(at->asString() ? *at->asString() : "");
    if (!time) return bad("expires_at", "must be an RFC 3339 time or null");
    key.expires_at = *time;
  }
  return {};
}

Result<TrustedKey> parseTrustedKey(const Json& json) {
  CCP_CHECK_OK(onlyKnown(json, "the key", {"public_key", "title", "prefixes", "channels", "grants", "expires_at"}));
  auto named = parsePublicKey(json["public_key"].dump());
  if (!named) return bad("public_key", "is refused: " + named.error().detail);
  TrustedKey out;
  out.key = named->key;
  out.title = named->title;
  if (const Json* title = json.find("title")) {
    if (!title->isString() || !isKeyTitle(*title->asString())) return bad("title", "must be printable text of at most 100 bytes");
    out.title = *title->asString();
  }
  Json terms = json;
  terms.erase("public_key");
  terms.erase("title");
  CCP_CHECK_OK(readTerms(terms, out));
  return out;
}

std::vector<MissingGrant> missingGrants(const Manifest& m, const Grants& grants) {
  std::vector<MissingGrant> out;
  findMissing(out, "permissions.egress", "--grant-egress", m.permissions.egress, grants.egress, matchesOrigin);
  // A pattern that asks is covered by a pattern that reaches at least as far: polar/x/* by polar/*.
  findMissing(out, "permissions.secrets", "--grant-secret", m.permissions.secrets, grants.secrets, matchesPattern);
  findMissing(out, "permissions.events", "--grant-event", m.permissions.events, grants.events, matchesPattern);
  std::vector<std::string> services = m.required_services;
  services.insert(services.end(), m.optional_services.begin(), m.optional_services.end());
  std::erase_if(services, [](const auto& id) { return id == CCP_LOG_ID || id == CCP_CLOCK_ID; });
  findMissing(out, "the host service", "--grant-service", services, grants.services, matchesPattern);
  if (m.permissions.kv_bytes > grants.kv_bytes) {
    const std::string asked = std::to_string(m.permissions.kv_bytes);
    out.push_back({"permissions.kv_bytes", asked, std::to_string(grants.kv_bytes), "--grant-kv " + asked});
  }
  return out;
}

bool matchesOrigin(std::string_view pattern, std::string_view origin) noexcept {
  constexpr std::string_view kScheme = "https://";
  if (pattern == origin || pattern == "*") return true;
  if (!pattern.starts_with("https://*.") || !origin.starts_with(kScheme)) return false;
  pattern.remove_prefix(kScheme.size() + 1);  // .acme.dev
  origin.remove_prefix(kScheme.size());
  return origin.size() > pattern.size() && origin.ends_with(pattern);
}

}  // namespace ccp::plugin
