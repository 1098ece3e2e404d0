#include "cli/commands/org/seats_set.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/plan_change.hpp"
#include "cli/support/server.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

struct SetOptions {
  int quantity = 0;
  std::string proration = "now";
};

Done setSeats(const Context& context, const SetOptions& options) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer,
          server.call("POST", "/v1/billing/seats",
                      Json::object({{"quantity", options.quantity}, {"proration", options.proration}}),
                      {{"Idempotency-Key", newToken(context.random)}}));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  showChange(context, answer);
  return {};
}

}  // namespace

void addSeatsSet(CommandTree& tree, CLI::App& seats) {
  auto options = std::make_shared<SetOptions>();
  auto& set = tree.command(seats, "set", "Change how many seats are paid for",
                           [options](const Context& c) { return exitOf(setSeats(c, *options)); },
                           "Changes the running subscription at its provider, at once. With fewer seats than are assigned, owners "
                           "keep\ntheirs, then who claimed longest ago; the others rest until there is room again.\n\n"
                           "  ccp seats set 12\n  ccp seats set 8 --proration next_period");
  option(set, "n", options->quantity, "Seats to pay for").typeName("N").range(1, 1000000).required();
  option(set, "--proration", options->proration, "When the difference is billed: now, next_period or none")
      .oneOf({"now", "next_period", "none"})
      .showDefault();
}

}  // namespace ccp::cli
