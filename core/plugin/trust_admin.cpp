#include "core/plugin/trust_admin.hpp"

#include <algorithm>

#include "core/package/syntax.hpp"
#include "core/package/trust/verify.hpp"

namespace ccp::plugin {
namespace {

/// The trust store belongs to the whole server, to no organization.
const db::Scope kServer = db::Scope::system();

}  // namespace

Result<TrustAdmin::Overview> TrustAdmin::overview() {
  return db_.read(kServer, [](db::Tx& tx) -> Result<Overview> {
    TrustRepository rows(tx);
    return Overview{rows.keys(), rows.floors(), tx.now()};
  });
}

Result<TrustRow> TrustAdmin::trust(const TrustedKey& key, const std::string& actor) {
  CCP_TRY(const auto vendor, TrustStore::vendorOfThisBuild());
  if (key.key == vendor) return fail(Errc::conflict, "This is the vendor key of this ccpd; it is trusted with \"ccp.\" as it is, and with nothing else.");
  return db_.write(kServer, [&](db::Tx& tx) -> Result<TrustRow> {
    TrustRepository rows(tx);
    const auto before = rows.key(key.kid());
    if (before && before->key.revoked_at) {
      return fail(Errc::conflict, "The key " + before->key.name() + " was revoked at " + formatRfc3339(*before->key.revoked_at) + " (" +
                                      before->key.revoked_reason + "); a revoked key is never trusted again. Have its author make a new one.");
    }
    TrustRow row{key, before ? before->added_by : actor, before ? before->added_at : tx.now(), tx.now(), ""};
    row.key.revoked_at.reset();
    row.key.revoked_reason.clear();
    if (!rows.put(row)) return fail(Errc::conflict, "The key " + key.kid() + " was revoked; a revoked key is never trusted again.");
    tx.audit({"", actor, "plugin_key.trust", key.kid(), before ? before->key.json(tx.now()) : Json(), row.key.json(tx.now()), ""});
    return row;
  });
}

Result<TrustRow> TrustAdmin::revoke(const std::string& kid, const std::string& reason, const std::string& actor) {
  return db_.write(kServer, [&](db::Tx& tx) -> Result<TrustRow> {
    TrustRepository rows(tx);
    auto row = rows.key(kid);
    if (!row) return fail(Errc::not_found, "No key with the id \"" + kid + "\" is trusted here.");
    if (row->key.revoked_at) return *row;
    const Json before = row->key.json(tx.now());
    row->key.revoked_at = tx.now();
    row->key.revoked_reason = reason;
    row->revoked_by = actor;
    row->updated_at = tx.now();
    if (!rows.put(*row)) return fail(Errc::conflict, "The key " + kid + " was revoked meanwhile.");
    tx.audit({"", actor, "plugin_key.revoke", kid, before, row->key.json(tx.now()), reason});
    return *row;
  });
}

Result<VersionFloor> TrustAdmin::allowRollback(const std::string& plugin, const std::string& version, const std::string& reason,
                                               const std::string& actor) {
  if (!isVersion(version)) return fail(Errc::validation_failed, "version must be three numbers, such as 1.4.0.");
  return db_.write(kServer, [&](db::Tx& tx) -> Result<VersionFloor> {
    TrustRepository rows(tx);
    const auto before = rows.floor(plugin);
    if (!before) return fail(Errc::not_found, "No version of the plugin \"" + plugin + "\" ever started here; nothing holds it back.");
    if (!versionLess(version, before->version)) {
      return fail(Errc::conflict, plugin + " " + version + " is not older than " + before->version + ", the highest version that ran here; it may load.");
    }
    const VersionFloor after{plugin, version, actor, tx.now()};
    rows.setFloor(after);
    tx.audit({"", actor, "plugin.allow_rollback", plugin, Json::object({{"version", before->version}}), Json::object({{"version", version}}), reason});
    return after;
  });
}

Result<std::map<std::string, std::string>> TrustAdmin::problemsOf(const std::vector<std::string>& trusts) {
  std::map<std::string, std::string> out;
  const bool any_key = std::any_of(trusts.begin(), trusts.end(), [](const auto& trust) { return trust.starts_with("key:"); });
  Overview now;
  if (any_key) {
    CCP_TRY(now, overview());
  }
  for (const auto& trust : trusts) {
    std::string& problem = out[trust];
    if (!trust.starts_with("key:")) continue;
    const auto row = std::find_if(now.keys.begin(), now.keys.end(), [&](const TrustRow& each) { return trust == "key:" + each.key.kid(); });
    if (row == now.keys.end()) {
      problem = "its key is not trusted any more";
    } else if (row->key.revoked_at) {
      problem = "key revoked at " + formatRfc3339(*row->key.revoked_at) + ": " + row->key.revoked_reason;
    } else if (row->key.expires_at && now.at >= *row->key.expires_at) {
      problem = "key expired at " + formatRfc3339(*row->key.expires_at);
    }
  }
  return out;
}

}  // namespace ccp::plugin
