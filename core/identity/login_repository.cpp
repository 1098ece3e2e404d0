#include "core/identity/login_repository.hpp"

#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

using Text = std::string;
using MaybeText = std::optional<std::string>;
using MaybeTime = std::optional<Timestamp>;
using Int = std::int64_t;

std::optional<LoginRequest> selectRequest(db::Tx& tx, const char* where, const db::Binds& binds) {
  auto row = tx.one<Text, Text, Text, Text, Int, Timestamp, Timestamp, MaybeTime, Text>(
      std::string("select link_hash, browser_hash, code_hash, email, wrong_attempts, created_at, expires_at, consumed_at, invite_hash "
                  "from login_requests ") +
          where,
      binds);
  if (!row) return std::nullopt;
  const auto& [link, browser, code, email, wrong, created, expires, consumed, invite] = *row;
  return LoginRequest{link, browser, code, email, wrong, created, expires, consumed.has_value(), invite};
}

std::optional<DeviceGrant> selectGrant(db::Tx& tx, const char* where, const db::Binds& binds) {
  auto row = tx.one<Text, Text, Text, Text, Text, Text, Text, Text, Text, Text, Text, MaybeText, Int, Timestamp, Timestamp>(
      std::string("select hash, user_code, client_id, scope, hostname, address, state_json, status, decision, jkt, chosen_org, "
                  "user_id, version, created_at, expires_at from device_grants ") +
          where,
      binds);
  if (!row) return std::nullopt;
  const auto& [hash, code, client, scope, hostname, address, state, status, decision, jkt, org, user, version, created, expires] = *row;
  auto parsed = parseJson(state);
  return DeviceGrant{hash,   code,     client, scope, hostname, address,         parsed ? std::move(*parsed) : Json(),
                     status, decision, jkt,    org,   user.value_or(""), version, created,
                     expires};
}

}  // namespace

void LoginRepository::insertRequest(const LoginRequest& request) {
  tx_.exec(
      "insert into login_requests (link_hash, browser_hash, code_hash, email, wrong_attempts, created_at, expires_at, invite_hash) "
      "values (:link, :browser, :code, :email, 0, :created, :expires, :invite)",
      {{"link", request.link_hash},
       {"browser", request.browser_hash},
       {"code", request.code_hash},
       {"email", request.email},
       {"created", request.created_at},
       {"expires", request.expires_at},
       {"invite", request.invite_hash}});
}

std::optional<LoginRequest> LoginRepository::requestByLink(const std::string& link_hash) {
  return selectRequest(tx_, "where link_hash = :link", {{"link", link_hash}});
}

std::optional<LoginRequest> LoginRepository::requestOfBrowser(const std::string& browser_hash) {
  return selectRequest(tx_, "where browser_hash = :browser order by created_at desc, link_hash limit 1", {{"browser", browser_hash}});
}

bool LoginRepository::consumeRequest(const std::string& link_hash) {
  return tx_.exec("update login_requests set consumed_at = :now where link_hash = :link and consumed_at is null",
                  {{"now", tx_.now()}, {"link", link_hash}}) == 1;
}

void LoginRepository::countWrongCode(const std::string& link_hash) {
  tx_.exec("update login_requests set wrong_attempts = wrong_attempts + 1 where link_hash = :link", {{"link", link_hash}});
}

void LoginRepository::insertSession(const std::string& hash, const BrowserSession& session) {
  tx_.exec(
      "insert into browser_sessions (hash, id, user_id, chosen_org, address, created_at, last_seen_at) "
      "values (:hash, :id, :user, :org, :address, :created, :seen)",
      {{"hash", hash},
       {"id", session.id},
       {"user", session.user},
       {"org", session.org},
       {"address", session.address},
       {"created", session.created_at},
       {"seen", session.last_seen_at}});
}

std::optional<BrowserSession> LoginRepository::session(const std::string& hash) {
  auto row = tx_.one<Text, Text, Text, Text, Timestamp, Timestamp>(
      "select id, user_id, chosen_org, address, created_at, last_seen_at from browser_sessions where hash = :hash", {{"hash", hash}});
  if (!row) return std::nullopt;
  const auto& [id, user, org, address, created, seen] = *row;
  return BrowserSession{id, user, org, address, created, seen};
}

void LoginRepository::touchSession(const std::string& hash) {
  tx_.exec("update browser_sessions set last_seen_at = :now where hash = :hash", {{"now", tx_.now()}, {"hash", hash}});
}

void LoginRepository::chooseOrg(const std::string& hash, const std::string& org) {
  tx_.exec("update browser_sessions set chosen_org = :org where hash = :hash", {{"org", org}, {"hash", hash}});
}

void LoginRepository::deleteSession(const std::string& hash) {
  tx_.exec("delete from browser_sessions where hash = :hash", {{"hash", hash}});
}

bool LoginRepository::insertGrant(const DeviceGrant& grant) {
  return tx_.exec(
             "insert into device_grants (hash, user_code, client_id, scope, hostname, address, state_json, status, decision, jkt, "
             "chosen_org, version, created_at, expires_at) "
             "values (:hash, :code, :client, :scope, :hostname, :address, :state, 'open', '', '', '', 1, :created, :expires) "
             "on conflict do nothing",
             {{"hash", grant.hash},
              {"code", grant.user_code},
              {"client", grant.client_id},
              {"scope", grant.scope},
              {"hostname", grant.hostname},
              {"address", grant.address},
              {"state", grant.state},
              {"created", grant.created_at},
              {"expires", grant.expires_at}}) == 1;
}

std::optional<DeviceGrant> LoginRepository::grant(const std::string& hash) {
  return selectGrant(tx_, "where hash = :hash", {{"hash", hash}});
}

std::optional<DeviceGrant> LoginRepository::openGrantByCode(const std::string& user_code) {
  return selectGrant(tx_, "where user_code = :code and status = 'open'", {{"code", user_code}});
}

bool LoginRepository::updateGrant(const DeviceGrant& grant) {
  return tx_.exec(
             "update device_grants set state_json = :state, status = :status, decision = :decision, jkt = :jkt, chosen_org = :org, "
             "user_id = :user, version = version + 1 where hash = :hash and version = :version and status = 'open'",
             {{"state", grant.state},
              {"status", grant.status},
              {"decision", grant.decision},
              {"jkt", grant.jkt},
              {"org", grant.org},
              {"user", grant.user.empty() ? MaybeText() : MaybeText(grant.user)},
              {"hash", grant.hash},
              {"version", grant.version}}) == 1;
}

std::int64_t LoginRepository::countAttempt(const std::string& bucket, Timestamp window_at) {
  // The row stays locked until the commit, so that the count read is the one just written.
  tx_.exec(
      "insert into attempt_counters (bucket, window_at, n) values (:bucket, :at, 1) "
      "on conflict (bucket, window_at) do update set n = attempt_counters.n + 1",
      {{"bucket", bucket}, {"at", window_at}});
  return attempts(bucket, window_at);
}

std::int64_t LoginRepository::attempts(const std::string& bucket, Timestamp window_at) {
  auto row = tx_.one<Int>("select n from attempt_counters where bucket = :bucket and window_at = :at", {{"bucket", bucket}, {"at", window_at}});
  return row ? std::get<0>(*row) : 0;
}

bool LoginRepository::rememberProof(const std::string& hash, Timestamp expires_at) {
  return tx_.exec("insert into dpop_replays (hash, expires_at) values (:hash, :expires) on conflict do nothing",
                  {{"hash", hash}, {"expires", expires_at}}) == 1;
}

void LoginRepository::sweep(Timestamp now) {
  tx_.exec("delete from login_requests where expires_at < :before", {{"before", now - hours(1)}});
  tx_.exec("delete from device_grants where expires_at < :before", {{"before", now - hours(1)}});
  tx_.exec("delete from attempt_counters where window_at < :before", {{"before", now - hours(2)}});
  tx_.exec("delete from dpop_replays where expires_at < :before", {{"before", now}});
  tx_.exec("delete from browser_sessions where last_seen_at < :idle or created_at < :oldest",
           {{"idle", now - kSessionIdle}, {"oldest", now - kSessionMax}});
}

}  // namespace ccp::identity
