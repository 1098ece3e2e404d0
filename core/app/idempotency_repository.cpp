#include "core/app/idempotency_repository.hpp"

#include "core/base/log.hpp"

namespace ccp::app {
namespace {

/// How long an answer is kept, and how long a request may take before another may take its place
/// (the process that had it may be gone).
constexpr auto kKeepAnswer = hours(24);
constexpr auto kReservation = minutes(2);

using Outcome = http::IdempotencyStore::Outcome;

/// Where a sealed body belongs, so that none is read as the answer to another request.
std::string placeOf(const http::IdempotencyKey& key) {
  return "idempotency/" + key.org + "/" + key.id + "/" + key.fingerprint;
}

http::Response responseOf(std::int64_t status, const std::string& headers, std::string body) {
  http::Response out;
  out.status = static_cast<int>(status);
  out.body = std::move(body);
  if (const auto fields = parseJson(headers)) {
    for (const auto& field : fields->items())
      out.headers.add(field.strOr("name"), field.strOr("value"));
  }
  return out;
}

}  // namespace

// System scope throughout: askers without an organization have keys too.

Result<IdempotencyRepository::Begun> IdempotencyRepository::begin(const http::IdempotencyKey& key) {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<Begun> {
    tx.exec("delete from idempotency where org_id = :org and id = :id and expires_at <= :now",
            {{"org", key.org}, {"id", key.id}, {"now", tx.now()}});
    const auto inserted = tx.exec(
        "insert into idempotency (org_id, id, fingerprint, state, status, headers, body, "
        "expires_at) "
        "values (:org, :id, :fingerprint, 'running', 0, '', '', :expires) on conflict (org_id, id) "
        "do nothing",
        {{"org", key.org},
         {"id", key.id},
         {"fingerprint", key.fingerprint},
         {"expires", tx.now() + kReservation}});
    if (inserted == 1) return Begun{Outcome::fresh};
    auto row = tx.one<std::string, std::string, std::int64_t, std::string, std::string>(
        "select fingerprint, state, status, headers, body from idempotency where org_id = :org and "
        "id = :id",
        {{"org", key.org}, {"id", key.id}});
    if (!row) return Begun{Outcome::in_progress};
    auto& [fingerprint, state, status, headers, body] = *row;
    if (fingerprint != key.fingerprint) return Begun{Outcome::mismatch};
    if (state == "sealed") {
      CCP_TRY(const SecretBytes opened, master_.open(body, placeOf(key)));
      body = opened.text();
    } else if (state != "done") {  // as it was stored before bodies were sealed
      return Begun{Outcome::in_progress};
    }
    return Begun{Outcome::replay, responseOf(status, headers, std::move(body))};
  });
}

Status IdempotencyRepository::complete(const http::IdempotencyKey& key,
                                       const http::Response& response) {
  Json headers = Json::array();
  for (const auto& [name, value] : response.headers.fields())
    headers.push(Json::object({{"name", name}, {"value", value}}));
  const std::string body = master_.seal(bytesOf(response.body), placeOf(key), random_);
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    tx.exec(
        "update idempotency set state = 'sealed', status = :status, headers = :headers, body = "
        ":body, expires_at = :expires "
        // Another request may have taken the place of one that took longer than its reservation.
        "where org_id = :org and id = :id and fingerprint = :fingerprint and state = 'running'",
        {{"status", response.status},
         {"headers", headers.dump()},
         {"body", body},
         {"expires", tx.now() + kKeepAnswer},
         {"org", key.org},
         {"id", key.id},
         {"fingerprint", key.fingerprint}});
    return {};
  });
}

void IdempotencyRepository::abandon(const http::IdempotencyKey& key) noexcept {
  const auto deleted = db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    tx.exec(
        "delete from idempotency where org_id = :org and id = :id and fingerprint = :fingerprint "
        "and state = 'running'",
        {{"org", key.org}, {"id", key.id}, {"fingerprint", key.fingerprint}});
    return {};
  });
  if (!deleted) log::warn("idempotency.not_abandoned", {{"detail", deleted.error().detail}});
}

Status IdempotencyRepository::purge() {
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    tx.exec("delete from idempotency where expires_at <= :now", {{"now", tx.now()}});
    return {};
  });
}

}  // namespace ccp::app
