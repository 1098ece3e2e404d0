#include "core/identity/rules.hpp"

#include <algorithm>
#include <array>

#include "core/base/encoding.hpp"

namespace ccp::identity {
namespace {

constexpr bool isAlnum(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool dotAtom(std::string_view text, std::string_view extra) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return isAlnum(c) || c == '.' || extra.find(c) != std::string_view::npos; });
}

}  // namespace

Result<std::string> normalizeEmail(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  const auto at = out.find('@');
  const std::string_view view = out;
  const bool good = out.size() <= 254 && at != std::string::npos && at <= 64 && view.find('@', at + 1) == std::string_view::npos &&
                    dotAtom(view.substr(0, at), "!#$%&'*+/=?^_`{|}~-") && dotAtom(view.substr(at + 1), "-");
  if (!good) return fail(Error{Errc::validation_failed, "This is not an e-mail address.", {{"email", "local@domain"}}});
  return out;
}

std::string localPart(std::string_view email) { return std::string(email.substr(0, email.find('@'))); }

std::string displayText(std::string_view text, std::size_t max) {
  if (!isValidUtf8(text)) return {};
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) out += c;
  }
  if (out.size() > max) {
    std::size_t end = max;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xC0) == 0x80) --end;
    out.resize(end);
  }
  return out;
}

bool isRole(std::string_view role) noexcept {
  return role == "owner" || role == "admin" || role == "member" || role == "viewer";
}

bool roleAllows(std::string_view role, Action action) noexcept {
  if (role == "owner" || role == "admin") return true;
  if (role == "member") return action == Action::read || action == Action::approve_device;
  return role == "viewer" && action == Action::read;
}

Admission admit(bool signup_open, bool user_exists, bool invited) noexcept {
  return signup_open || user_exists || invited ? Admission::admitted : Admission::refused;
}

std::string normalizeCode(std::string_view text) {
  std::string out;
  if (text.size() > 64) return out;
  for (const char c : text) {
    if (!isAlnum(c)) continue;
    out += upper(c);
  }
  const bool good = out.size() == kCodeLength && out.find_first_not_of(kCodeAlphabet) == std::string::npos;
  return good ? out : std::string();
}

std::string showCode(std::string_view code) {
  if (code.size() != kCodeLength) return std::string(code);
  return std::string(code.substr(0, 4)) + "-" + std::string(code.substr(4));
}

bool loginAcceptable(const LoginRequestFacts& facts, Timestamp now) noexcept {
  return !facts.consumed && facts.same_browser && facts.wrong_attempts < kMaxWrongLoginCodes && now < facts.expires_at;
}

bool sessionAlive(Timestamp created_at, Timestamp last_seen_at, Timestamp now) noexcept {
  return now < last_seen_at + kSessionIdle && now < created_at + kSessionMax;
}

std::string safeNext(std::string_view next) {
  const bool local = !next.empty() && next.size() <= 512 && next[0] == '/' && next.substr(0, 2) != "//" &&
                     std::all_of(next.begin(), next.end(), [](char c) { return c > 0x20 && c < 0x7F && c != '\\'; });
  return local ? std::string(next) : "/dashboard";
}

std::optional<Client> findClient(std::string_view client_id) noexcept {
  static constexpr std::array kClients = {Client{"ccp-cli", "CCP command line"}};
  for (const auto& client : kClients) {
    if (client.id == client_id) return client;
  }
  return std::nullopt;
}

std::vector<std::string> splitScope(std::string_view scope) {
  std::vector<std::string> out;
  while (!scope.empty()) {
    const auto end = std::min(scope.find(' '), scope.size());
    if (end > 0) out.emplace_back(scope.substr(0, end));
    scope.remove_prefix(std::min(end + 1, scope.size()));
  }
  return out;
}

std::optional<std::string> grantScope(std::string_view requested, std::string_view allowed) {
  const auto may = splitScope(allowed);
  const auto asked = splitScope(requested);
  if (asked.empty()) return std::string(allowed);
  for (const auto& scope : asked) {
    if (std::find(may.begin(), may.end(), scope) == may.end()) return std::nullopt;
  }
  std::string out;
  for (const auto& scope : may) {
    if (std::find(asked.begin(), asked.end(), scope) == asked.end()) continue;
    out += (out.empty() ? "" : " ") + scope;
  }
  return out;
}

DeviceDecision judgePoll(std::string_view plugin_status, std::string_view decision, Timestamp expires_at, Timestamp now) noexcept {
  if (now >= expires_at || plugin_status == "expired") return DeviceDecision::expired;
  if (plugin_status == "denied") return DeviceDecision::denied;
  if (plugin_status == "slow_down") return DeviceDecision::slow_down;
  if (plugin_status == "pending") return DeviceDecision::pending;
  if (plugin_status == "done" && decision == "approved") return DeviceDecision::approved;
  return DeviceDecision::invalid;
}

RefreshDecision judgeRefresh(const RefreshFacts& facts, Timestamp now) noexcept {
  if (!facts.device_active || !facts.same_client || facts.state == "revoked") return RefreshDecision::refuse;
  if (facts.state == "rotated") {
    const bool lost_answer = facts.same_key && facts.rotated_at && now < *facts.rotated_at + kRefreshGrace;
    return lost_answer ? RefreshDecision::repeat : RefreshDecision::revoke_grant;
  }
  if (facts.state != "active" || !facts.same_key || now >= facts.expires_at) return RefreshDecision::refuse;
  return RefreshDecision::rotate;
}

}  // namespace ccp::identity
