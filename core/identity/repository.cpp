#include "core/identity/repository.hpp"

namespace ccp::identity {
namespace {

using Text = std::string;
using MaybeTime = std::optional<Timestamp>;

}  // namespace

std::optional<Org> Repository::org(const std::string& id) {
  auto row = tx_.one<Text, Text, Timestamp>("select id, name, created_at from orgs where id = :id", {{"id", id}});
  if (!row) return std::nullopt;
  return Org{std::get<0>(*row), std::get<1>(*row), std::get<2>(*row)};
}

std::vector<Org> Repository::orgs(const std::string& after_id, int limit) {
  std::vector<Org> out;
  for (auto& [id, name, at] : tx_.query<Text, Text, Timestamp>(
           "select id, name, created_at from orgs where id > :after order by id limit :n", {{"after", after_id}, {"n", limit}})) {
    out.push_back({id, name, at});
  }
  return out;
}

void Repository::insertOrg(const Org& org) {
  tx_.exec("insert into orgs (id, name, created_at) values (:id, :name, :at)",
           {{"id", org.id}, {"name", org.name}, {"at", org.created_at}});
}

std::optional<User> Repository::user(const std::string& id) {
  auto row = tx_.one<Text, Text, Text>("select id, email, name from users where id = :id", {{"id", id}});
  if (!row) return std::nullopt;
  return User{std::get<0>(*row), std::get<1>(*row), std::get<2>(*row)};
}

std::optional<User> Repository::userByEmail(const std::string& email) {
  auto row = tx_.one<Text, Text, Text>("select id, email, name from users where email = :email", {{"email", email}});
  if (!row) return std::nullopt;
  return User{std::get<0>(*row), std::get<1>(*row), std::get<2>(*row)};
}

void Repository::insertUser(const User& user) {
  tx_.exec("insert into users (id, email, name, created_at) values (:id, :email, :name, :now)",
           {{"id", user.id}, {"email", user.email}, {"name", user.name}, {"now", tx_.now()}});
}

void Repository::touchLogin(const std::string& user_id) {
  tx_.exec("update users set last_login_at = :now where id = :id", {{"now", tx_.now()}, {"id", user_id}});
}

std::optional<Membership> Repository::membership(const std::string& org, const std::string& user) {
  auto row = tx_.one<Text, Text>(
      "select o.name, m.role from members m join orgs o on o.id = m.org_id where m.org_id = :org and m.id = :user",
      {{"org", org}, {"user", user}});
  if (!row) return std::nullopt;
  return Membership{org, std::get<0>(*row), user, std::get<1>(*row)};
}

std::vector<Membership> Repository::membershipsOf(const std::string& user) {
  std::vector<Membership> out;
  for (auto& [org, name, role] : tx_.query<Text, Text, Text>(
           "select o.id, o.name, m.role from members m join orgs o on o.id = m.org_id where m.id = :user "
           "order by m.created_at, o.id",
           {{"user", user}})) {
    out.push_back({org, name, user, role});
  }
  return out;
}

std::optional<std::string> Repository::ownerEmail(const std::string& org) {
  auto row = tx_.one<Text>(
      "select u.email from members m join users u on u.id = m.id where m.org_id = :org and m.role = 'owner' "
      "order by m.created_at, u.id limit 1",
      {{"org", org}});
  if (!row) return std::nullopt;
  return std::get<0>(*row);
}

std::vector<std::string> Repository::ownerEmails(const std::string& org) {
  std::vector<std::string> out;
  for (auto& [email] : tx_.query<Text>(
           "select u.email from members m join users u on u.id = m.id where m.org_id = :org and m.role = 'owner' "
           "order by m.created_at, u.id",
           {{"org", org}})) {
    out.push_back(std::move(email));
  }
  return out;
}

bool Repository::insertMember(const std::string& org, const std::string& user, const std::string& role) {
  return tx_.exec("insert into members (org_id, id, role, created_at) values (:org, :user, :role, :now) on conflict do nothing",
                  {{"org", org}, {"user", user}, {"role", role}, {"now", tx_.now()}}) == 1;
}

void Repository::deleteMember(const std::string& org, const std::string& user) {
  tx_.exec("delete from members where org_id = :org and id = :user", {{"org", org}, {"user", user}});
}

void Repository::insertApiKey(const ApiKey& key, const std::string& hash) {
  tx_.exec(
      "insert into api_keys (org_id, id, hash, name, hint, scopes, created_by, created_at) "
      "values (:org, :id, :hash, :name, :hint, :scopes, :by, :now)",
      {{"org", key.org}, {"id", key.id}, {"hash", hash}, {"name", key.name}, {"hint", key.hint}, {"scopes", key.scopes},
       {"by", key.created_by}, {"now", tx_.now()}});
}

namespace {
constexpr const char* kApiKeyColumns =
    "select org_id, id, name, hint, scopes, created_by, created_at, last_used_at, revoked_at from api_keys ";
using ApiKeyRow = std::tuple<Text, Text, Text, Text, Text, Text, Timestamp, MaybeTime, MaybeTime>;
ApiKey apiKeyFrom(const ApiKeyRow& row) {
  const auto& [org, id, name, hint, scopes, by, created, used, revoked] = row;
  return {org, id, name, hint, scopes, by, created, used, revoked};
}
}  // namespace

std::optional<ApiKey> Repository::apiKeyByHash(const std::string& hash) {
  auto row = tx_.one<Text, Text, Text, Text, Text, Text, Timestamp, MaybeTime, MaybeTime>(
      std::string(kApiKeyColumns) + "where hash = :hash and revoked_at is null", {{"hash", hash}});
  if (!row) return std::nullopt;
  return apiKeyFrom(*row);
}

std::vector<ApiKey> Repository::apiKeys(const std::string& org, Timestamp since, int limit) {
  std::vector<ApiKey> out;
  for (auto& row : tx_.query<Text, Text, Text, Text, Text, Text, Timestamp, MaybeTime, MaybeTime>(
           std::string(kApiKeyColumns) +
               "where org_id = :org and (revoked_at is null or revoked_at > :since) "
               "order by case when revoked_at is null then 0 else 1 end, id limit :n",
           {{"org", org}, {"since", since}, {"n", limit}})) {
    out.push_back(apiKeyFrom(row));
  }
  return out;
}

std::int64_t Repository::apiKeysInForce(const std::string& org) {
  return std::get<0>(*tx_.one<std::int64_t>(
      "select cast(count(*) as bigint) from api_keys where org_id = :org and revoked_at is null", {{"org", org}}));
}

bool Repository::revokeApiKey(const std::string& org, const std::string& id) {
  return tx_.exec("update api_keys set revoked_at = :now where org_id = :org and id = :id and revoked_at is null",
                  {{"now", tx_.now()}, {"org", org}, {"id", id}}) == 1;
}

void Repository::touchApiKey(const std::string& org, const std::string& id) {
  tx_.exec("update api_keys set last_used_at = :now where org_id = :org and id = :id",
           {{"now", tx_.now()}, {"org", org}, {"id", id}});
}

}  // namespace ccp::identity
