// The part of Repository that knows devices and their refresh tokens.
#include "core/identity/repository.hpp"

namespace ccp::identity {
namespace {

using Text = std::string;
using MaybeTime = std::optional<Timestamp>;

constexpr const char* kColumns =
    "select id, org_id, seat_id, user_id, sid, jkt, hostname, state, created_at, last_seen_at, client_id, scope from devices ";

std::vector<DeviceRow> select(db::Tx& tx, const char* where, const db::Binds& binds) {
  std::vector<DeviceRow> out;
  for (auto& [id, org, seat, user, sid, jkt, hostname, state, created, seen, client, scope] :
       tx.query<Text, Text, Text, Text, Text, Text, Text, Text, Timestamp, Timestamp, Text, Text>(std::string(kColumns) + where, binds)) {
    DeviceRow device;
    device.id = id;
    device.org = org;
    device.seat = seat;
    device.user = user;
    device.sid = sid;
    device.jkt = jkt;
    device.hostname = hostname;
    device.state = state;
    device.created_at = created;
    device.last_seen_at = seen;
    device.client_id = client;
    device.scope = scope;
    out.push_back(std::move(device));
  }
  return out;
}

std::optional<DeviceRow> first(std::vector<DeviceRow> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

std::optional<DeviceRow> Repository::device(const std::string& org, const std::string& id) {
  return first(select(tx_, "where org_id = :org and id = :id", {{"org", org}, {"id", id}}));
}

std::optional<DeviceRow> Repository::deviceBySid(const std::string& org, const std::string& sid) {
  if (org.empty()) return first(select(tx_, "where sid = :sid", {{"sid", sid}}));
  return first(select(tx_, "where org_id = :org and sid = :sid", {{"org", org}, {"sid", sid}}));
}

std::optional<DeviceRow> Repository::activeDeviceByKey(const std::string& org, const std::string& seat, const std::string& jkt) {
  return first(select(tx_, "where org_id = :org and seat_id = :seat and jkt = :jkt and state = 'active'",
                      {{"org", org}, {"seat", seat}, {"jkt", jkt}}));
}

std::vector<DeviceRow> Repository::activeDevices(const std::string& org, const std::string& user) {
  if (user.empty()) return select(tx_, "where org_id = :org and state = 'active' order by id", {{"org", org}});
  return select(tx_, "where org_id = :org and user_id = :user and state = 'active' order by id", {{"org", org}, {"user", user}});
}

std::vector<DeviceRow> Repository::activeDevicesOfSeat(const std::string& org, const std::string& seat) {
  return select(tx_, "where org_id = :org and seat_id = :seat and state = 'active' order by id", {{"org", org}, {"seat", seat}});
}

void Repository::insertDevice(const DeviceRow& device) {
  tx_.exec(
      "insert into devices (org_id, id, seat_id, user_id, sid, jkt, client_id, scope, hostname, state, created_at, last_seen_at) "
      "values (:org, :id, :seat, :user, :sid, :jkt, :client, :scope, :hostname, 'active', :created, :seen)",
      {{"org", device.org},
       {"id", device.id},
       {"seat", device.seat},
       {"user", device.user},
       {"sid", device.sid},
       {"jkt", device.jkt},
       {"client", device.client_id},
       {"scope", device.scope},
       {"hostname", device.hostname},
       {"created", device.created_at},
       {"seen", device.last_seen_at}});
}

void Repository::renewDevice(const std::string& org, const std::string& id, const std::string& hostname,
                             const std::string& client_id, const std::string& scope) {
  tx_.exec(
      "update devices set hostname = :hostname, client_id = :client, scope = :scope, last_seen_at = :now "
      "where org_id = :org and id = :id",
      {{"hostname", hostname}, {"client", client_id}, {"scope", scope}, {"now", tx_.now()}, {"org", org}, {"id", id}});
}

void Repository::touchDevice(const std::string& org, const std::string& id) {
  tx_.exec("update devices set last_seen_at = :now where org_id = :org and id = :id",
           {{"now", tx_.now()}, {"org", org}, {"id", id}});
}

bool Repository::revokeDevice(const std::string& org, const std::string& id) {
  const auto changed = tx_.exec(
      "update devices set state = 'revoked', revoked_at = :now where org_id = :org and id = :id and state = 'active'",
      {{"now", tx_.now()}, {"org", org}, {"id", id}});
  if (changed == 0) return false;
  revokeRefreshTokens(org, id);
  return true;
}

std::optional<RefreshToken> Repository::refreshToken(const std::string& hash) {
  auto row = tx_.one<Text, Text, Text, Text, Timestamp, MaybeTime>(
      "select org_id, id, device_id, state, expires_at, rotated_at from refresh_tokens where hash = :hash", {{"hash", hash}});
  if (!row) return std::nullopt;
  const auto& [org, id, device, state, expires, rotated] = *row;
  return RefreshToken{org, id, device, state, expires, rotated};
}

void Repository::insertRefreshToken(const RefreshToken& token, const std::string& hash) {
  tx_.exec(
      "insert into refresh_tokens (org_id, id, device_id, hash, state, created_at, expires_at) "
      "values (:org, :id, :device, :hash, 'active', :now, :expires)",
      {{"org", token.org}, {"id", token.id}, {"device", token.device}, {"hash", hash}, {"now", tx_.now()}, {"expires", token.expires_at}});
}

bool Repository::rotateRefreshToken(const std::string& org, const std::string& id) {
  return tx_.exec("update refresh_tokens set state = 'rotated', rotated_at = :now where org_id = :org and id = :id and state = 'active'",
                  {{"now", tx_.now()}, {"org", org}, {"id", id}}) == 1;
}

void Repository::revokeRefreshTokens(const std::string& org, const std::string& device) {
  tx_.exec("update refresh_tokens set state = 'revoked' where org_id = :org and device_id = :device and state <> 'revoked'",
           {{"org", org}, {"device", device}});
}

void Repository::deleteRefreshTokensBefore(Timestamp expiry) {
  tx_.exec("delete from refresh_tokens where expires_at < :expiry", {{"expiry", expiry}});
}

}  // namespace ccp::identity
