#include "core/licensing/key_repository.hpp"

#include <algorithm>

namespace ccp::licensing {

std::vector<KeyRow> KeyRepository::rows(const std::string& where, const db::Binds& binds) {
  std::vector<KeyRow> out;
  for (auto& [kid, use, state, public_key, sealed, created_at, not_before_at, retire_at, ring_version] :
       tx_.query<std::string, std::string, std::string, std::string, std::string, Timestamp, Timestamp, std::optional<Timestamp>, std::int64_t>(
           "select kid, key_use, state, public_key, sealed, created_at, not_before_at, retire_at, ring_version from signing_keys where " +
               where + " order by not_before_at, kid",
           binds)) {
    KeyRow row{kid, use, crypto::keyStateFrom(state).value_or(crypto::KeyState::retired), {}, sealed, created_at, not_before_at, retire_at, ring_version};
    const auto bytes = base64UrlDecode(public_key);
    if (!bytes || bytes->size() != row.key.bytes.size()) continue;  // a damaged key cannot be used for anything
    std::copy(bytes->begin(), bytes->end(), row.key.bytes.begin());
    if (row.key.thumbprint() != row.kid) continue;
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<KeyRow> KeyRepository::current() { return rows("state <> 'retired'", {}); }

std::optional<KeyRow> KeyRepository::byKid(const std::string& kid) {
  auto found = rows("kid = :kid", {{"kid", kid}});
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

std::int64_t KeyRepository::ringVersion() {
  return std::get<0>(*tx_.one<std::int64_t>("select cast(coalesce(max(ring_version), 0) as bigint) from signing_keys"));
}

void KeyRepository::insert(const KeyRow& row) {
  tx_.exec(
      "insert into signing_keys (kid, key_use, state, public_key, sealed, created_at, not_before_at, retire_at, ring_version) "
      "values (:kid, :use, :state, :public_key, :sealed, :created_at, :not_before_at, :retire_at, :ring_version)",
      {{"kid", row.kid},
       {"use", row.use},
       {"state", crypto::toString(row.state)},
       {"public_key", base64UrlEncode(row.key.bytes)},
       {"sealed", row.sealed},
       {"created_at", row.created_at},
       {"not_before_at", row.not_before_at},
       {"retire_at", row.retire_at},
       {"ring_version", row.ring_version}});
}

void KeyRepository::update(const KeyRow& row) {
  tx_.exec(
      "update signing_keys set state = :state, sealed = :sealed, not_before_at = :not_before_at, retire_at = :retire_at, "
      "ring_version = :ring_version where kid = :kid",
      {{"kid", row.kid},
       {"state", crypto::toString(row.state)},
       {"sealed", row.sealed},
       {"not_before_at", row.not_before_at},
       {"retire_at", row.retire_at},
       {"ring_version", row.ring_version}});
}

}  // namespace ccp::licensing
