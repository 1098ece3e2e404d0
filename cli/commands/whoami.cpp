// ccp whoami: who this machine is logged in as.
#include "cli/commands/account.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/server.hpp"

namespace ccp::cli {

Done runWhoami(const Context& context) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto status, server.call("GET", "/v1/license/status"));
  renewPackIfDue(context, server, status["license"].strOr("plan"));
  if (context.json) {
    context.emit(Json::object({{"server", server.session().server},
                               {"user", status["user"]},
                               {"org", status["org"]},
                               {"role", status["role"]},
                               {"seat", status["seat"]},
                               {"device", status["device"]},
                               {"jkt", server.key().publicKey().thumbprint()}}));
    return {};
  }
  context.out << status["user"].strOr("email") << "\n"
              << "  organization  " << status["org"].strOr("name") << " (" << status.strOr("role")
              << ") " << context.dim(status["org"].strOr("id")) << "\n"
              << "  device        " << status["device"].strOr("hostname") << " "
              << context.dim(status["device"].strOr("id")) << "\n"
              << "  server        " << server.session().server << "\n";
  return {};
}

}  // namespace ccp::cli
