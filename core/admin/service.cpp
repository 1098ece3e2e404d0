#include "core/admin/service.hpp"

namespace ccp::admin {
namespace {

/// Operators see every org: their units of work run in system scope.
const db::Scope kOperator = db::Scope::system();

tl::unexpected<Error> noSuchOrg(const std::string& org) { return fail(Errc::not_found, "There is no organization \"" + org + "\"."); }

}  // namespace

AdminService::AdminService(db::Db& db, identity::Directory& directory, licensing::Licenses& licenses, licensing::KeyAdmin& keys,
                           plugin::PluginHost& plugins, plugin::TrustAdmin& trust, std::vector<DoctorCheck> checks)
    : db_(db), directory_(directory), licenses_(licenses), keys_(keys), plugins_(plugins), trust_(trust), checks_(std::move(checks)) {}

Result<AdminService::OrgView> AdminService::createOrg(const std::string& name, const std::string& owner_email, const std::string& actor) {
  return db_.write(kOperator, [&](db::Tx& tx) -> Result<OrgView> {
    CCP_TRY(auto org, directory_.createOrg(tx, name, owner_email, actor));
    const auto license = licenses_.byOrg(tx, org.id);
    if (!license) return fail(Errc::internal, "The organization was made without a license.");
    return OrgView{std::move(org), licensing::toString(license->decision.state), license->decision.plan};
  });
}

Result<AdminService::OrgPage> AdminService::listOrgs(const std::string& cursor, int limit) {
  return db_.read(kOperator, [&](db::Tx& tx) -> Result<OrgPage> {
    OrgPage page;
    // One more than asked for tells whether there is another page.
    auto orgs = directory_.listOrgs(tx, cursor, limit + 1);
    const bool more = orgs.size() > static_cast<std::size_t>(limit);
    if (more) orgs.pop_back();
    for (auto& org : orgs) {
      const auto license = licenses_.byOrg(tx, org.id);
      OrgView item{org, license ? licensing::toString(license->decision.state) : "", license ? license->decision.plan : ""};
      page.items.push_back(std::move(item));
    }
    if (more) page.next_cursor = page.items.back().org.id;
    return page;
  });
}

Result<AdminService::LicenseView> AdminService::view(db::Tx& tx, const std::string& org) {
  auto license = licenses_.byOrg(tx, org);
  if (!license) return noSuchOrg(org);
  auto entitlements = licenses_.entitlements(*license);
  return LicenseView{std::move(*license), std::move(entitlements), directory_.seatsInUse(tx, org)};
}

Result<AdminService::LicenseView> AdminService::license(const std::string& org) {
  return db_.read(kOperator, [&](db::Tx& tx) { return view(tx, org); });
}

Result<AdminService::LicenseView> AdminService::overrideLicense(const std::string& org, licensing::AdminOverride value,
                                                               const std::string& reason, const std::string& actor) {
  return db_.write(kOperator, [&](db::Tx& tx) -> Result<LicenseView> {
    if (!licenses_.byOrg(tx, org)) return noSuchOrg(org);
    CCP_CHECK_OK(licenses_.setAdminOverride(tx, org, value, reason, actor));
    return view(tx, org);
  });
}

Result<Json> AdminService::plugins() {
  const auto list = plugins_.list();
  std::vector<std::string> trusts;
  for (const auto& info : list) trusts.push_back(info.trust);
  CCP_TRY(auto problems, trust_.problemsOf(trusts));
  Json out = Json::array();
  for (const auto& info : list) out.push(info.json().set("trust_problem", problems[info.trust]));
  return out;
}

Json AdminService::doctor() {
  Json out = Json::array();
  for (const auto& check : checks_) out.push(Json::object({{"part", check.name}, {"findings", check.run()}}));
  return out;
}

Result<licensing::KeyInfo> AdminService::rotateKey(const std::string& use, const std::string& actor) { return keys_.rotate(use, actor); }
std::vector<licensing::KeyInfo> AdminService::keys() { return keys_.keys(); }
Status AdminService::compromiseKey(const std::string& kid, const std::string& reason, const std::string& actor) {
  return keys_.compromise(kid, reason, actor);
}

Result<identity::Device> AdminService::revokeDevice(const std::string& sid, const std::string& reason, const std::string& actor) {
  return db_.write(kOperator, [&](db::Tx& tx) { return directory_.revokeDevice(tx, "", sid, actor, reason); });
}

Result<std::vector<AuditRow>> AdminService::audit(const std::string& org, const std::string& before_id, int limit) {
  return db_.read(kOperator, [&](db::Tx& tx) -> Result<std::vector<AuditRow>> { return auditPage(tx, org, before_id, limit); });
}

}  // namespace ccp::admin
