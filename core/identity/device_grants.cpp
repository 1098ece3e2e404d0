#include "core/identity/device_grants.hpp"

#include <algorithm>

#include "core/base/encoding.hpp"

namespace ccp::identity {
namespace {

constexpr AttemptLimit kBeginPerAddress{"device.begin.ip", 300, minutes(15)};
constexpr AttemptLimit kWrongPerSession{"device.wrong.session", 5, minutes(15)};
constexpr AttemptLimit kWrongPerAddress{"device.wrong.ip", 5, minutes(15)};
constexpr int kTries = 4;
// RFC 8628, 3.2 leaves the life to us; the plugin may ask for less.
constexpr std::int64_t kMaxLife = 900;

}  // namespace

Result<DeviceGrants::Begun> DeviceGrants::begin(const std::string& client_id, const std::string& scope, const std::string& hostname,
                                                const std::string& address, const plugin::CallContext& ctx) {
  CCP_CHECK_OK(limiter_.take(kBeginPerAddress, address));
  CCP_TRY(const auto provider, providers_.ofKind("device"));
  for (int i = 0; i < kTries; ++i) {
    CCP_TRY(const auto begun, provider->beginDevice(ctx, client_id, scope));
    DeviceGrant grant;
    grant.hash = sha256Hex(begun.device_code);
    grant.user_code = normalizeCode(begun.user_code);
    // 20^8 user codes and 128 bits of device code are the floor, whatever a plugin thinks.
    if (grant.user_code.empty() || begun.device_code.size() < 22) {
      return fail(Errc::plugin_failed, "The plugin instance \"" + provider->instance() + "\" made a code that is too weak.");
    }
    grant.client_id = client_id;
    grant.scope = scope;
    grant.hostname = displayText(hostname, 120);
    grant.address = address;
    grant.state = begun.state;
    grant.created_at = clock_.now();
    const auto life = std::clamp<std::int64_t>(begun.expires_in_s, 1, kMaxLife);
    grant.expires_at = grant.created_at + seconds(life);
    // System scope: the organization is chosen later.
    CCP_TRY(const bool stored, db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
      return LoginRepository(tx).insertGrant(grant);
    }));
    if (stored) return Begun{begun.device_code, showCode(grant.user_code), life, begun.interval_s};
  }
  return fail(Errc::overloaded, "No free user code was found.");
}

Result<DeviceGrant> DeviceGrants::openGrant(const http::Principal& who, const std::string& user_code, const std::string& address) {
  CCP_CHECK_OK(limiter_.check(kWrongPerSession, who.sid));
  CCP_CHECK_OK(limiter_.check(kWrongPerAddress, address));
  const auto code = normalizeCode(user_code);
  CCP_TRY(const auto grant, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::optional<DeviceGrant>> {
    return code.empty() ? std::nullopt : LoginRepository(tx).openGrantByCode(code);
  }));
  if (grant && grant->decision.empty() && clock_.now() < grant->expires_at) return *grant;
  CCP_CHECK_OK(limiter_.count(kWrongPerSession, who.sid));
  CCP_CHECK_OK(limiter_.count(kWrongPerAddress, address));
  return fail(Errc::code_invalid, "No device waits with this code. It may have expired or been used.");
}

Result<DeviceGrants::Pending> DeviceGrants::find(const http::Principal& who, const std::string& user_code, const std::string& address) {
  CCP_TRY(const auto grant, openGrant(who, user_code, address));
  Pending out;
  out.user_code = showCode(grant.user_code);
  const auto client = findClient(grant.client_id);
  out.client_name = client ? std::string(client->name) : grant.client_id;
  out.hostname = grant.hostname;
  out.address = grant.address;
  out.scopes = splitScope(grant.scope);
  out.expires_at = grant.expires_at;
  CCP_TRY(out.orgs, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Membership>> {
    auto all = directory_.membershipsOf(tx, who.user);
    std::erase_if(all, [](const Membership& m) { return !roleAllows(m.role, Action::approve_device); });
    return all;
  }));
  return out;
}

Status DeviceGrants::approve(db::Tx& tx, const http::Principal& who, const Decision& decision, const DeviceGrant& grant) {
  CCP_TRY(const auto seat, directory_.seatForDevice(tx, decision.org, who.user));
  Repository repository(tx);
  if (!decision.replace_device.empty()) {
    const auto device = repository.device(decision.org, decision.replace_device);
    if (!device || device->seat != seat.id) return fail(Errc::not_found, "There is no such device on your seat.");
    CCP_CHECK_OK(directory_.revokeDeviceRow(tx, *device, who.actor(), "replaced by another device"));
  }
  // Before its first poll the key is unknown, and may be one that the seat knows: the token endpoint
  // has the last word then.
  return grant.jkt.empty() ? Status() : directory_.roomForDevice(tx, decision.org, seat.id, grant.jkt);
}

Status DeviceGrants::decide(const http::Principal& who, const Decision& decision, const std::string& address) {
  for (int i = 0; i < kTries; ++i) {
    CCP_TRY(auto grant, openGrant(who, decision.user_code, address));
    // System scope: the grant is of no organization until this moment.
    CCP_TRY(const bool stored, db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
      if (decision.approve) CCP_CHECK_OK(approve(tx, who, decision, grant));
      auto decided = grant;
      decided.decision = decision.approve ? "approved" : "denied";
      decided.org = decision.approve ? decision.org : "";
      decided.user = who.user;
      if (!LoginRepository(tx).updateGrant(decided)) return false;
      tx.audit({decided.org, who.actor(), decision.approve ? "device_grant.approve" : "device_grant.deny", "grant:" + grant.hash.substr(0, 16),
                Json(), Json::object({{"client", grant.client_id}, {"hostname", grant.hostname}, {"address", grant.address}, {"scope", grant.scope}}),
                ""});
      return true;
    }));
    if (stored) return {};
    // A poll of the client came between reading and writing: look again.
  }
  return fail(Errc::conflict, "The request changed while you decided.");
}

Result<std::vector<DeviceRow>> DeviceGrants::devicesOf(const http::Principal& who, const std::string& org) {
  return db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<std::vector<DeviceRow>> {
    return Repository(tx).activeDevices(org, who.user);
  });
}

Result<DeviceGrants::Polled> DeviceGrants::poll(const std::string& device_code, const std::string& client_id, const std::string& jkt,
                                                const plugin::CallContext& ctx) {
  const auto hash = sha256Hex(device_code);
  CCP_TRY(const auto provider, providers_.ofKind("device"));
  for (int i = 0; i < kTries; ++i) {
    CCP_TRY(auto grant, db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<DeviceGrant> {
      auto found = LoginRepository(tx).grant(hash);
      if (!found || found->client_id != client_id || (!found->jkt.empty() && found->jkt != jkt) || found->status == "consumed") {
        return fail(Errc::code_invalid, "The device code is unknown, used, or bound to another client or key.");
      }
      return std::move(*found);
    }));
    if (grant.status == "closed") {
      const auto end = grant.decision == "denied" ? DeviceDecision::denied : DeviceDecision::expired;
      return Polled{end, std::move(grant)};
    }
    // The plugin is asked outside of any transaction; the version check below notices what changed.
    const auto now = clock_.now();
    CCP_TRY(const auto answer, provider->pollDevice(ctx, grant.state, grant.decision, toMicros(now)));
    const auto decision = judgePoll(answer.status, grant.decision, grant.expires_at, now);
    if (decision == DeviceDecision::invalid) {
      return fail(Errc::plugin_failed, "The plugin instance \"" + provider->instance() + "\" answered \"" + displayText(answer.status, 40) +
                                           "\" to a poll, which is not possible now.");
    }
    grant.state = answer.state;
    grant.jkt = jkt;
    if (decision == DeviceDecision::approved) return Polled{decision, std::move(grant)};
    if (decision == DeviceDecision::denied || decision == DeviceDecision::expired) grant.status = "closed";
    CCP_TRY(const bool stored, db_.writeReadCommitted(db::Scope::system(), [&](db::Tx& tx) -> Result<bool> {
      return LoginRepository(tx).updateGrant(grant);
    }));
    if (stored) return Polled{decision, std::move(grant)};
  }
  return Polled{DeviceDecision::slow_down, {}};
}

bool DeviceGrants::consume(db::Tx& tx, const DeviceGrant& approved) {
  DeviceGrant consumed = approved;
  consumed.status = "consumed";
  return LoginRepository(tx).updateGrant(consumed);
}

}  // namespace ccp::identity
