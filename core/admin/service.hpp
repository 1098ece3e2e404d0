// The operator's use cases: each asks the feature that owns the thing, in one unit of work.
// Threads: thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/admin/repository.hpp"
#include "core/base/error.hpp"
#include "core/db/db.hpp"
#include "core/identity/service.hpp"
#include "core/licensing/service.hpp"
#include "core/plugin/plugin_host.hpp"
#include "core/plugin/trust_admin.hpp"

namespace ccp::admin {

/// One line of `GET /v1/admin/doctor`: [{"level":"ok|warn|error","code","text"}] of one part.
struct DoctorCheck {
  std::string name;
  std::function<Json()> run;
};

class AdminService {
 public:
  AdminService(db::Db& db, identity::Directory& directory, licensing::Licenses& licenses, licensing::KeyAdmin& keys,
               plugin::PluginHost& plugins, plugin::TrustAdmin& trust, std::vector<DoctorCheck> checks);

  struct OrgView {
    identity::Org org;
    std::string license_state;
    std::string plan;
  };
  Result<OrgView> createOrg(const std::string& name, const std::string& owner_email, const std::string& actor);
  struct OrgPage {
    std::vector<OrgView> items;
    std::string next_cursor;  ///< empty: last page
  };
  Result<OrgPage> listOrgs(const std::string& cursor, int limit);

  struct LicenseView {
    licensing::License license;
    licensing::Entitlements entitlements;
    std::int64_t seats_used = 0;
  };
  Result<LicenseView> license(const std::string& org);
  /// Suspends, revokes, or (none) resumes; the reason is for the audit log and for the org's people.
  Result<LicenseView> overrideLicense(const std::string& org, licensing::AdminOverride value, const std::string& reason, const std::string& actor);

  /// Instances as PluginHost lists them, with what has become of the trust they were loaded on.
  Result<Json> plugins();
  Json doctor();
  Result<licensing::KeyInfo> rotateKey(const std::string& use, const std::string& actor);
  std::vector<licensing::KeyInfo> keys();
  Status compromiseKey(const std::string& kid, const std::string& reason, const std::string& actor);
  Result<identity::Device> revokeDevice(const std::string& sid, const std::string& reason, const std::string& actor);
  Result<std::vector<AuditRow>> audit(const std::string& org, const std::string& before_id, int limit);

 private:
  Result<LicenseView> view(db::Tx& tx, const std::string& org);

  db::Db& db_;
  identity::Directory& directory_;
  licensing::Licenses& licenses_;
  licensing::KeyAdmin& keys_;
  plugin::PluginHost& plugins_;
  plugin::TrustAdmin& trust_;
  std::vector<DoctorCheck> checks_;
};

}  // namespace ccp::admin
