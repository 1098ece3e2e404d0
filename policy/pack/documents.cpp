#include "policy/pack/documents.hpp"

#include <algorithm>
#include <set>

#include "policy/pack/document_text.hpp"

namespace ccp::policy {
namespace {

constexpr std::size_t kMaxKeys = 64;
constexpr std::size_t kMaxPacks = 10'000;
constexpr std::string_view kServerPerson = "server";

bool isLowerOrDigit(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool isKeyId(std::string_view text) noexcept {
  return text.size() == 43 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return std::isalnum(c) != 0 || c == '-' || c == '_';
         });
}

/// Shown on terminals and compared byte for byte.
bool isPerson(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 128 && isValidUtf8(text) && text.front() != ' ' && text.back() != ' ' &&
         std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }) &&
         !hasBidiControl(text);
}

Result<RootKey> parseKey(std::string_view kid, const Json& json, const std::string& pointer) {
  CCP_TRY(auto fields, Fields::of(json, pointer));
  RootKey out;
  CCP_TRY(const Json* jwk, fields.object("public_key"));
  auto key = crypto::publicKeyFromJwk(*jwk);
  if (!key) return badField(fields.at("public_key"), "must be an Ed25519 public key as a JWK");
  out.key = *key;
  if (out.key.jwk() != *jwk) return badField(fields.at("public_key"), "must have the members kty, crv and x only");
  if (out.key.thumbprint() != kid) return badField(pointer, "must be named by the key's thumbprint (RFC 7638)");
  CCP_TRY(out.person, fields.text("person", 128));
  if (!isPerson(out.person)) return badField(fields.at("person"), "must have 1 to 128 bytes without control characters");
  CCP_CHECK_OK(fields.done());
  return out;
}

Result<Role> parseRole(std::string_view name, const Json& json, const std::string& pointer, const RootDocument& root) {
  CCP_TRY(auto fields, Fields::of(json, pointer));
  Role out;
  CCP_TRY(out.keyids, fields.texts("keyids", kMaxKeys, isKeyId, "must be the id of a key"));
  std::set<std::string> persons;
  for (std::size_t i = 0; i < out.keyids.size(); ++i) {
    const std::string where = fields.at("keyids") + "/" + std::to_string(i);
    const auto key = root.keys.find(out.keyids[i]);
    if (key == root.keys.end()) return badField(where, "is not among the keys");
    // What is online approves nothing: whoever breaks into the server must not be able to sign packs.
    if (key->second.person == kServerPerson && !name.starts_with("channel.")) {
      return badField(where, "is a key of the server, which may hold the roles of channels only");
    }
    persons.insert(key->second.person);
  }
  CCP_TRY(const auto threshold, fields.integer("threshold", 1, kMaxKeys));
  out.threshold = static_cast<int>(threshold);
  if (persons.size() < static_cast<std::size_t>(threshold)) {
    return badField(fields.at("threshold"), "asks for " + std::to_string(threshold) + " people, and the role has " +
                                                std::to_string(persons.size()));
  }
  CCP_CHECK_OK(fields.done());
  return out;
}

Json textsOf(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const auto& text : texts) out.push(text);
  return out;
}

Result<ListedPack> parseListed(const Json& json, const std::string& pointer) {
  CCP_TRY(auto fields, Fields::of(json, pointer));
  ListedPack out;
  CCP_TRY(out.name, fields.text("name", 64));
  if (!isPackName(out.name)) return badField(fields.at("name"), "must match [a-z][a-z0-9_-]{0,63}");
  CCP_TRY(out.version, fields.integer("version", 1, kMaxVersion));
  CCP_TRY(out.sha256, fields.text("sha256", 64));
  if (!isDigest(out.sha256)) return badField(fields.at("sha256"), "must be 64 lower-case hexadecimal digits");
  CCP_TRY(const auto size, fields.integer("size", 1, kMaxDocumentBytes));
  out.size = static_cast<std::size_t>(size);
  CCP_CHECK_OK(fields.done());
  return out;
}

}  // namespace

const char* toString(Channel channel) noexcept { return channel == Channel::dev ? "dev" : "prod"; }

std::optional<Channel> channelFromName(std::string_view name) noexcept {
  if (name == "dev") return Channel::dev;
  if (name == "prod") return Channel::prod;
  return std::nullopt;
}

const std::vector<std::string>& rootRoles() {
  static const std::vector<std::string> names{"channel.dev", "channel.prod", "pack.dev", "pack.prod", "root"};
  return names;
}

bool isSetName(std::string_view org) noexcept {
  if (org == kOperatorSet) return true;
  return org.starts_with("org_") && org.size() > 4 && org.size() <= 64 && std::all_of(org.begin() + 4, org.end(), isLowerOrDigit);
}

bool isPackName(std::string_view name) noexcept {
  return !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) { return isLowerOrDigit(c) || c == '-' || c == '_'; });
}

bool isDigest(std::string_view text) noexcept {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

Result<Json> parseDocument(std::string_view payload) {
  if (payload.size() > kMaxDocumentBytes) {
    return fail(Errc::policy_too_large, "It has " + std::to_string(payload.size()) + " bytes, and 1 MiB is the most.");
  }
  auto json = parseJson(payload, {.max_bytes = kMaxDocumentBytes, .max_depth = 40});
  if (!json) return fail(Errc::policy_document_invalid, json.error().detail);
  if (!json->isObject()) return badField("", "must be an object");
  // Before anything else: a newer format may differ in everything else.
  const auto format = (*json)["format"].asInt();
  if (!format) return badField("/format", "must be an integer");
  if (*format != kFormat) {
    return fail(Errc::policy_format_unknown,
                "/format is " + std::to_string(*format) + "; this version of CCP knows " + std::to_string(kFormat) + ".");
  }
  return json;
}

Result<std::string> readOrg(Fields& fields) {
  CCP_TRY(auto org, fields.text("org", 64));
  if (!isSetName(org)) return badField(fields.at("org"), "must be \"operator\" or the id of an organization");
  return org;
}

Status readLife(Fields& fields, Timestamp& issued_at, Timestamp& expires_at, Duration longest) {
  CCP_TRY(issued_at, fields.time("issued_at"));
  CCP_TRY(expires_at, fields.time("expires_at"));
  if (expires_at <= issued_at) return badField(fields.at("expires_at"), "must be after issued_at");
  if (expires_at - issued_at > longest) {
    return badField(fields.at("expires_at"), "must be at most " + formatDuration(longest) + " after issued_at");
  }
  return {};
}

bool hasBidiControl(std::string_view text) noexcept {
  // U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto a = static_cast<unsigned char>(text[i]);
    const auto b = static_cast<unsigned char>(text[i + 1]);
    if (a == 0xD8 && b == 0x9C) return true;
    if (a != 0xE2 || i + 2 >= text.size()) continue;
    const auto c = static_cast<unsigned char>(text[i + 2]);
    if (b == 0x80 && (c == 0x8E || c == 0x8F || (c >= 0xAA && c <= 0xAE))) return true;
    if (b == 0x81 && c >= 0xA6 && c <= 0xA9) return true;
  }
  return false;
}

Result<RootDocument> parseRoot(std::string_view payload) {
  CCP_TRY(const Json json, parseDocument(payload));
  CCP_TRY(auto fields, Fields::of(json, ""));
  (void)fields.optional("format");
  RootDocument out;
  CCP_TRY(out.org, readOrg(fields));
  CCP_TRY(out.version, fields.integer("version", 1, kMaxVersion));
  CCP_CHECK_OK(readLife(fields, out.issued_at, out.expires_at, kLongestLife));
  CCP_TRY(const Json* keys, fields.object("keys"));
  if (keys->size() > kMaxKeys) return badField("/keys", "must have at most 64 members");
  for (const auto& [kid, key] : keys->members()) {
    CCP_TRY(auto parsed, parseKey(kid, key, fields.at("keys") + "/" + pointerStep(kid)));
    out.keys.emplace(kid, std::move(parsed));
  }
  CCP_TRY(const Json* roles, fields.object("roles"));
  CCP_TRY(auto by_role, Fields::of(*roles, "/roles"));
  for (const auto& name : rootRoles()) {
    CCP_TRY(const Json* role, by_role.object(name));
    CCP_TRY(auto parsed, parseRole(name, *role, by_role.at(name), out));
    out.roles.emplace(name, std::move(parsed));
  }
  CCP_CHECK_OK(by_role.done());
  CCP_CHECK_OK(fields.done());
  return out;
}

std::string toText(const RootDocument& document) {
  Json keys = Json::object();
  for (const auto& [kid, key] : document.keys) {
    keys.set(kid, Json::object({{"public_key", key.key.jwk()}, {"person", key.person}}));
  }
  Json roles = Json::object();
  for (const auto& [name, role] : document.roles) {
    roles.set(name, Json::object({{"keyids", textsOf(role.keyids)}, {"threshold", role.threshold}}));
  }
  return Json::object({{"format", kFormat},
                       {"org", document.org},
                       {"version", document.version},
                       {"issued_at", formatRfc3339(document.issued_at)},
                       {"expires_at", formatRfc3339(document.expires_at)},
                       {"keys", keys},
                       {"roles", roles}})
      .dump();
}

Result<ChannelDocument> parseChannel(std::string_view payload) {
  CCP_TRY(const Json json, parseDocument(payload));
  CCP_TRY(auto fields, Fields::of(json, ""));
  (void)fields.optional("format");
  ChannelDocument out;
  CCP_TRY(out.org, readOrg(fields));
  CCP_TRY(const auto channel_name, fields.text("channel", 16));
  const auto channel = channelFromName(channel_name);
  if (!channel) return badField("/channel", "must be \"dev\" or \"prod\"");
  out.channel = *channel;
  CCP_TRY(out.version, fields.integer("version", 1, kMaxVersion));
  CCP_CHECK_OK(readLife(fields, out.issued_at, out.expires_at, kLongestChannelLife));
  CCP_TRY(const auto engine, fields.integer("min_engine", 1, kMaxEngine));
  out.min_engine = static_cast<int>(engine);
  CCP_TRY(out.prev, fields.text("prev", 64));
  if (!out.prev.empty() && !isDigest(out.prev)) return badField("/prev", "must be empty or a SHA-256 in lower-case hexadecimal");
  CCP_TRY(const Json* packs, fields.array("packs", kMaxPacks));
  std::set<std::string> names;
  for (const Json& item : packs->items()) {
    const std::string where = "/packs/" + std::to_string(out.packs.size());
    CCP_TRY(auto listed, parseListed(item, where));
    if (!names.insert(listed.name).second) return badField(where + "/name", "is listed twice");
    out.packs.push_back(std::move(listed));
  }
  CCP_TRY(out.revoked, fields.texts("revoked", kMaxPacks, isDigest, "must be a SHA-256 in lower-case hexadecimal"));
  CCP_CHECK_OK(fields.done());
  return out;
}

std::string toText(const ChannelDocument& document) {
  Json packs = Json::array();
  for (const auto& pack : document.packs) {
    packs.push(Json::object({{"name", pack.name}, {"version", pack.version}, {"sha256", pack.sha256}, {"size", pack.size}}));
  }
  return Json::object({{"format", kFormat},
                       {"org", document.org},
                       {"channel", toString(document.channel)},
                       {"version", document.version},
                       {"issued_at", formatRfc3339(document.issued_at)},
                       {"expires_at", formatRfc3339(document.expires_at)},
                       {"min_engine", document.min_engine},
                       {"prev", document.prev},
                       {"packs", packs},
                       {"revoked", textsOf(document.revoked)}})
      .dump();
}

}  // namespace ccp::policy
