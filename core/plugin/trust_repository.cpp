#include "core/plugin/trust_repository.hpp"

#include <algorithm>

#include "core/base/log.hpp"

namespace ccp::plugin {

std::vector<TrustRow> TrustRepository::rows(const std::string& where, const db::Binds& binds) {
  std::vector<TrustRow> out;
  for (auto& [kid, public_key, title, terms, added_by, added_at, updated_at, revoked_at, revoked_by, revoked_reason] :
       tx_.query<std::string, std::string, std::string, std::string, std::string, Timestamp, Timestamp, std::optional<Timestamp>, std::string, std::string>(
           "select kid, public_key, title, terms_json, added_by, added_at, updated_at, revoked_at, revoked_by, revoked_reason "
           "from plugin_trust_keys where " + where + " order by added_at, kid",
           binds)) {
    TrustRow row{{}, added_by, added_at, updated_at, revoked_by};
    const auto bytes = base64UrlDecode(public_key);
    const auto json = parseJson(terms);
    const bool whole = bytes && bytes->size() == row.key.key.bytes.size() && json && readTerms(*json, row.key).has_value();
    if (whole) std::copy(bytes->begin(), bytes->end(), row.key.key.bytes.begin());
    if (!whole || row.key.kid() != kid) {
      log::error("plugin_trust_key_damaged", {{"kid", kid}, {"detail", "the row cannot be read; nothing that this key signed is trusted"}});
      continue;
    }
    row.key.title = title;
    row.key.revoked_at = revoked_at;
    row.key.revoked_reason = revoked_reason;
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<TrustRow> TrustRepository::keys() { return rows("1 = 1", {}); }

std::optional<TrustRow> TrustRepository::key(const std::string& kid) {
  auto found = rows("kid = :kid", {{"kid", kid}});
  return found.empty() ? std::nullopt : std::optional(std::move(found.front()));
}

bool TrustRepository::put(const TrustRow& row) {
  return tx_.exec(
      "insert into plugin_trust_keys (kid, public_key, title, terms_json, added_by, added_at, updated_at, revoked_at, revoked_by, revoked_reason) "
      "values (:kid, :public_key, :title, :terms, :added_by, :added_at, :updated_at, :revoked_at, :revoked_by, :revoked_reason) "
      "on conflict (kid) do update set title = excluded.title, terms_json = excluded.terms_json, updated_at = excluded.updated_at, "
      "revoked_at = excluded.revoked_at, revoked_by = excluded.revoked_by, revoked_reason = excluded.revoked_reason "
      "where plugin_trust_keys.revoked_at is null",
      {{"kid", row.key.kid()},
       {"public_key", base64UrlEncode(row.key.key.bytes)},
       {"title", row.key.title},
       {"terms", row.key.terms()},
       {"added_by", row.added_by},
       {"added_at", row.added_at},
       {"updated_at", row.updated_at},
       {"revoked_at", row.key.revoked_at},
       {"revoked_by", row.revoked_by},
       {"revoked_reason", row.key.revoked_reason}}) == 1;
}

std::vector<VersionFloor> TrustRepository::floors() {
  std::vector<VersionFloor> out;
  for (auto& [plugin, version, updated_by, updated_at] : tx_.query<std::string, std::string, std::string, Timestamp>(
           "select plugin, version, updated_by, updated_at from plugin_versions order by plugin")) {
    out.push_back({plugin, version, updated_by, updated_at});
  }
  return out;
}

std::optional<VersionFloor> TrustRepository::floor(const std::string& plugin) {
  const auto row = tx_.one<std::string, std::string, Timestamp>("select version, updated_by, updated_at from plugin_versions where plugin = :plugin",
                                                                {{"plugin", plugin}});
  if (!row) return std::nullopt;
  return VersionFloor{plugin, std::get<0>(*row), std::get<1>(*row), std::get<2>(*row)};
}

void TrustRepository::setFloor(const VersionFloor& floor) {
  tx_.exec(
      "insert into plugin_versions (plugin, version, updated_by, updated_at) values (:plugin, :version, :by, :at) "
      "on conflict (plugin) do update set version = excluded.version, updated_by = excluded.updated_by, updated_at = excluded.updated_at",
      {{"plugin", floor.plugin}, {"version", floor.version}, {"by", floor.updated_by}, {"at", floor.updated_at}});
}

}  // namespace ccp::plugin
