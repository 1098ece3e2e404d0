#include "core/identity/devices.hpp"

#include "core/identity/rules.hpp"

namespace ccp::identity {
namespace {

Status needsPerson(const http::Principal& who) {
  if (who.org.empty() || who.user.empty()) return fail(Errc::forbidden, "Devices belong to people: log in with `ccp login`.");
  return {};
}

}  // namespace

Result<std::vector<Devices::Entry>> Devices::list(const http::Principal& who, bool all) {
  CCP_CHECK_OK(needsPerson(who));
  if (all && !roleAllows(who.role, Action::manage_devices_of_others)) {
    return fail(Errc::forbidden, "Only owners and admins see the devices of others.");
  }
  return db_.read(db::Scope::org(who.org), [&](db::Tx& tx) -> Result<std::vector<Entry>> {
    Repository repository(tx);
    std::vector<Entry> out;
    for (auto& device : repository.activeDevices(who.org, all ? "" : who.user)) {
      const auto user = repository.user(device.user);
      out.push_back({std::move(device), user ? user->email : ""});
    }
    return out;
  });
}

Status Devices::revoke(const http::Principal& who, const std::string& device_id) {
  CCP_CHECK_OK(needsPerson(who));
  return db_.write(db::Scope::org(who.org), [&](db::Tx& tx) -> Status {
    const auto device = Repository(tx).device(who.org, device_id);
    const bool visible = device && (device->user == who.user || roleAllows(who.role, Action::manage_devices_of_others));
    if (!visible) return fail(Errc::not_found, "There is no such device.");
    return directory_.revokeDeviceRow(tx, *device, who.actor(), "logged out by " + who.email);
  });
}

}  // namespace ccp::identity
