#include "sdk/conformance/host/kit_host.hpp"

#include <algorithm>
#include <array>

#include "core/base/encoding.hpp"

namespace ccp::kit {
namespace {

thread_local int calls_on_stack = 0;

/// Begins a value that is no real secret, but nothing else in the process either. Base64 as a whole, so
/// that a plugin may take it for a key in base64.
constexpr std::string_view kCanary = "ccpCanar";

}  // namespace

std::string rcName(ccp_rc rc) {
  static constexpr std::array<const char*, CCP_RC_COUNT> kNames = {
      "OK",          "INVALID_ARGUMENT",  "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "CONFLICT", "RATE_LIMITED", "RESOURCE_EXHAUSTED",
      "UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED",       "UNIMPLEMENTED",     "INTERNAL",  "DATA_LOSS"};
  return rc >= 0 && rc < CCP_RC_COUNT ? kNames[static_cast<std::size_t>(rc)] : "the unknown class " + std::to_string(rc);
}

KitHost::InCall::InCall() { ++calls_on_stack; }
KitHost::InCall::~InCall() { --calls_on_stack; }

void KitHost::pretendRelease(const HostRelease& release) {
  host_.abi_minor = static_cast<std::uint16_t>(release.minor);
  for (const auto& [id, bytes] : release.services) {
    if (const void* table = find(&host_, std::string(id).c_str())) guarded_[std::string(id)] = std::make_unique<GuardedTable>(table, bytes);
  }
  guarded_host_ = std::make_unique<GuardedTable>(&host_, release.host_bytes);
  shown_ = static_cast<const ccp_host*>(guarded_host_->get());
}

bool KitHost::mayCall(const char* service) {
  ++effects_;
  return inCall(service);
}

bool KitHost::inCall(const char* service) {
  if (calls_on_stack > 0) return true;
  misuse(std::string(service) + " was called while no call of the plugin was on the stack of that thread");
  return false;
}

void KitHost::misuse(const std::string& text) {
  const std::lock_guard lock(mutex_);
  if (misuses_.size() < 50) misuses_.insert(text);
}

Result<std::string> KitHost::secret(std::string_view id) {
  if (!subject_.manifest || !subject_.manifest->mayReadSecret(id)) {
    misuse("the secret \"" + std::string(id.substr(0, 100)) + "\" was asked for, which `permissions.secrets` of the manifest does not name");
    return fail(Errc::forbidden);
  }
  const std::string key(id);
  const auto given = subject_.secrets.find(key);
  std::string value = given != subject_.secrets.end() ? given->second : std::string(kCanary) + sha256Hex(key).substr(0, 32);
  const std::lock_guard lock(mutex_);
  secrets_used_[key] = value;
  return value;
}

Result<std::string> KitHost::keyOf(std::string_view id, std::int32_t encoding, std::string_view prefix) {
  CCP_TRY(std::string value, secret(id));
  if (encoding == CCP_KEY_RAW) return value;
  std::string_view text = value;
  if (text.starts_with(prefix)) text.remove_prefix(prefix.size());
  if (encoding != CCP_KEY_BASE64_AFTER_PREFIX && encoding != CCP_KEY_BASE64URL_AFTER_PREFIX) return fail(Errc::validation_failed);
  CCP_TRY(const Bytes bytes, encoding == CCP_KEY_BASE64_AFTER_PREFIX ? base64Decode(text) : base64UrlDecode(text));
  return std::string(textOf(bytes));
}

ccp_rc KitHost::sendHttp(const ccp_call* call, std::string_view head, std::string_view body, const ccp_sink* head_out, const ccp_sink* body_out,
                         const ccp_sink* err) {
  std::string problem;
  const HttpAnswer answer = answerHttp(call, head, body, problem);
  if (answer.rc != CCP_RC_OK) {
    const std::string text = Json::object({{"code", "kit_" + std::to_string(answer.rc)}, {"detail", problem.empty() ? "the kit's host answers " + rcName(answer.rc) : problem}}).dump();
    if (err && CCP_HAS(err, write)) err->write(err, text.data(), text.size());
    return answer.rc;
  }
  Json headers = Json::array();
  for (const auto& [name, value] : answer.headers) headers.push(Json::array({name, value}));
  const std::string text = Json::object({{"status", answer.status}, {"headers", headers}}).dump();
  if (head_out->write(head_out, text.data(), text.size()) != CCP_RC_OK) return CCP_RC_RESOURCE_EXHAUSTED;
  return body_out->write(body_out, answer.body.data(), answer.body.size()) == CCP_RC_OK ? CCP_RC_OK : CCP_RC_RESOURCE_EXHAUSTED;
}

HttpAnswer KitHost::answerHttp(const ccp_call* call, std::string_view head_text, std::string_view body, std::string& problem) {
  const auto refuse = [&](ccp_rc rc, std::string text) {
    problem = std::move(text);
    return HttpAnswer::refused(rc);
  };
  const auto head = parseJson(head_text);
  if (!head || !head->isObject() || !(*head)["method"].isString() || !(*head)["url"].isString()) {
    misuse("ccp.http/1 was given a head that is no JSON object with method and url");
    return refuse(CCP_RC_INVALID_ARGUMENT, "head_json");
  }
  HttpAsk ask{head->strOr("method"), head->strOr("url"), std::string(body), *head};
  const auto origin = plugin::originOf(ask.url);
  if (!origin || origins_.count(*origin) == 0) return refuse(CCP_RC_PERMISSION_DENIED, "the manifest's egress does not name the origin of " + ask.url);
  const Json& auth = (*head)["auth"];
  for (const char* member : {"bearer", "basic_user", "secret"}) {
    if (const auto* id = auth[member].asString()) {
      if (!id->empty() && !secret(*id)) return refuse(CCP_RC_PERMISSION_DENIED, "the manifest does not name the secret " + *id);
    }
  }
  if (call && call->deadline_mono_ns != 0 && clock_.monotonicNs() >= call->deadline_mono_ns) return refuse(CCP_RC_DEADLINE_EXCEEDED, "the deadline of the call is over");
  if (call && CCP_HAS(call, is_cancelled) && call->is_cancelled(call) != 0) return refuse(CCP_RC_CANCELLED, "nobody waits for the call any more");
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(ask);
  }
  return on_http ? on_http(ask) : refuse(CCP_RC_UNAVAILABLE, "the kit's network is down");
}

ccp_rc KitHost::putKv(std::string_view key, std::string_view value, std::int64_t expected, std::int64_t* version) {
  if (key.empty() || key.size() > 256 || !isValidUtf8(key)) return CCP_RC_INVALID_ARGUMENT;
  const std::lock_guard lock(mutex_);
  auto& entry = kv_[std::string(key)];
  if (expected != CCP_KV_ANY_VERSION && expected != entry.version) return CCP_RC_CONFLICT;
  std::size_t used = value.size();
  for (const auto& [other, held] : kv_) used += other == key ? 0 : held.value.size();
  if (subject_.manifest && static_cast<std::int64_t>(used) > subject_.manifest->permissions.kv_bytes) return CCP_RC_RESOURCE_EXHAUSTED;
  entry = {std::string(value), entry.version + 1};
  if (version) *version = entry.version;
  return CCP_RC_OK;
}

ccp_rc KitHost::defineMetric(std::string_view name, std::string_view labels, std::uint32_t* handle) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z' || !std::all_of(name.begin(), name.end(), plain)) {
    misuse("the metric name \"" + std::string(name.substr(0, 80)) + "\" is not [a-z][a-z0-9_]{0,63}");
    return CCP_RC_INVALID_ARGUMENT;
  }
  const auto parsed = labels.empty() ? Result<Json>(Json::array()) : parseJson(labels);
  if (!parsed || !parsed->isArray() || parsed->size() > 4) {
    misuse("the labels of the metric " + std::string(name) + " are no JSON list of at most four names");
    return CCP_RC_INVALID_ARGUMENT;
  }
  const std::lock_guard lock(mutex_);
  if (metrics_.size() >= 64) return CCP_RC_RESOURCE_EXHAUSTED;
  metrics_.emplace_back(name);
  *handle = static_cast<std::uint32_t>(metrics_.size());
  return CCP_RC_OK;
}

ccp_rc KitHost::appendEvent(std::string_view text) {
  const auto event = parseJson(text);
  if (!event || !(*event)["type"].isString()) {
    misuse("ccp.events/1 was given no JSON object with a type");
    return CCP_RC_INVALID_ARGUMENT;
  }
  const auto& allowed = subject_.manifest ? subject_.manifest->permissions.events : std::vector<std::string>();
  if (std::find(allowed.begin(), allowed.end(), event->strOr("type")) == allowed.end()) {
    misuse("the event type " + event->strOr("type").substr(0, 80) + " does not stand in `permissions.events` of the manifest");
    return CCP_RC_PERMISSION_DENIED;
  }
  const std::lock_guard lock(mutex_);
  events_.emplace_back(text);
  return CCP_RC_OK;
}

std::int64_t KitHost::wallUs() const {
  const std::int64_t fixed = fixed_wall_us.load();
  return (fixed != 0 ? fixed : toMicros(clock_.now())) + wall_offset_us.load();
}

std::vector<HttpAsk> KitHost::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}
std::vector<LogLine> KitHost::logs() const {
  const std::lock_guard lock(mutex_);
  return logs_;
}
std::vector<std::string> KitHost::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}
std::vector<Tick> KitHost::ticks() const {
  const std::lock_guard lock(mutex_);
  return ticks_;
}
std::vector<std::string> KitHost::misuses() const {
  const std::lock_guard lock(mutex_);
  return {misuses_.begin(), misuses_.end()};
}
void KitHost::forget() {
  const std::lock_guard lock(mutex_);
  asked_.clear();
  logs_.clear();
  events_.clear();
  effects_ = 0;
}

std::vector<std::string> KitHost::secretValues() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  for (const auto& [id, value] : secrets_used_) out.push_back(value);
  return out;
}

bool KitHost::holdsSecret(std::string_view text) const {
  for (const auto& value : secretValues()) {
    if (value.size() < 8) continue;  // would be found by chance
    std::vector<std::string> forms = {value, hexEncode(bytesOf(value)), base64Encode(bytesOf(value)), base64UrlEncode(bytesOf(value))};
    const auto underscore = value.find('_');
    const std::string_view bare = underscore == std::string::npos ? std::string_view(value) : std::string_view(value).substr(underscore + 1);
    if (bare.size() >= 8) forms.emplace_back(bare);
    if (const auto decoded = base64Decode(bare); decoded && decoded->size() >= 8) {
      forms.emplace_back(textOf(*decoded));
      forms.push_back(hexEncode(*decoded));
    }
    for (const auto& form : forms) {
      if (text.find(form) != std::string_view::npos) return true;
    }
  }
  return false;
}

}  // namespace ccp::kit
