// ccp logout: ends this machine's session on the server, or another device's.
#include "cli/commands/account.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {

Done runLogout(const Context& context, const LogoutOptions& options) {
  const Profile profile(context);
  if (!options.device.empty()) {
    CLI_TRY(auto server, Server::connect(context));
    CLI_TRY(const auto answer, server.call("DELETE", "/v1/devices/" + urlEncode(options.device)));
    if (context.json)
      context.emit(Json::object({{"revoked_device", options.device}}));
    else
      context.out << "Device " << options.device << " is logged out.\n";
    return {};
  }
  CLI_TRY(const auto session, profile.session());
  const auto revoked = plainRequest(context, "POST", session.server + "/oauth/revoke",
                                    "client_id=ccp-cli&token=" + urlEncode(session.refresh_token),
                                    {{"Content-Type", "application/x-www-form-urlencoded"}});
  const bool told = revoked && revoked->status == 200;
  CLI_CHECK(profile.forget(false));
  if (context.json) {
    context.emit(Json::object({{"logged_out", true}, {"server_told", told}}));
  } else {
    context.out << "Logged out of " << session.server << ".\n";
    // The files are gone either way; the server's side ends by itself when nobody renews it.
    if (!told)
      context.err
          << "The server could not be told; an admin can revoke this device in the portal.\n";
  }
  return {};
}

}  // namespace ccp::cli
