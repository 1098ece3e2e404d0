#include "core/licensing/revocation_repository.hpp"

namespace ccp::licensing {

void RevocationRepository::add(const std::string& id, const Revocation& revocation) {
  tx_.exec(
      "insert into revocations (org_id, id, kind, sid, min_version, revoked_at, expires_at) "
      "values (:org, :id, :kind, :sid, :min_version, :now, :expires_at)",
      {{"org", revocation.org},
       {"id", id},
       {"kind", revocation.sid.empty() ? "version" : "sid"},
       {"sid", revocation.sid},
       {"min_version", revocation.min_version},
       {"now", tx_.now()},
       {"expires_at", revocation.expires_at}});
}

std::vector<Revocation> RevocationRepository::since(Timestamp revoked_at, Timestamp now) {
  std::vector<Revocation> out;
  for (auto& [org, sid, min_version, expires_at] : tx_.query<std::string, std::string, std::int64_t, Timestamp>(
           "select org_id, sid, min_version, expires_at from revocations where revoked_at >= :since and expires_at > :now",
           {{"since", revoked_at}, {"now", now}})) {
    out.push_back({org, sid, min_version, expires_at});
  }
  return out;
}

std::int64_t RevocationRepository::deleteExpired(Timestamp now) {
  return tx_.exec("delete from revocations where expires_at < :now", {{"now", now}});
}

}  // namespace ccp::licensing
