#include "cli/commands/billing/portal.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/browser.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/server.hpp"

namespace ccp::cli {
namespace {

struct Options {
  bool no_browser = false;
};

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer, server.call("POST", "/v1/billing/portal", Json::object()));
  const auto url = answer.strOr("url");
  const bool opened = !options.no_browser && openBrowser(url);
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  context.out << (opened ? "The billing portal is opening in your browser:"
                         : "The billing portal, for a short time:")
              << "\n\n  " << url << "\n\n";
  hint(context, "What you change there arrives by itself; see it with ccp status.");
  return kOk;
}

}  // namespace

void addBillingPortal(CommandTree& tree, CLI::App& billing) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      billing, "portal", "Payment method, invoices, seats, pause and cancellation, at the provider",
      [options](const Context& c) { return run(c, *options); },
      "Owners and admins only. Prints a link that works for a short time, and opens it.\n"
      "\n  ccp billing portal\n  ccp billing portal --no-browser");
  flag(app, "--no-browser", options->no_browser, "Only print the link");
}

}  // namespace ccp::cli
