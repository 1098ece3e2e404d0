#include "cli/commands/org/seats.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/org_lookup.hpp"
#include "cli/support/output.hpp"
#include "cli/support/plan_table.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kSeats = "/v1/org/seats";

std::string seatPath(const Json& seat, const char* deed = "") {
  return std::string(kSeats) + "/" + urlEncode(seat.strOr("id")) + deed;
}

std::string nameOf(const Json& seat) {
  const auto email = seat.strOr("email"), github = seat.strOr("github");
  if (email.empty()) return "@" + github;
  return github.empty() ? email : email + " (@" + github + ")";
}

std::string stateOf(const Json& seat) {
  if (seat.boolOr("over_limit")) return seat.strOr("state") + ", over the limit";
  return seat.strOr("state");
}

Done listSeats(const Context& context) {
  CLI_TRY(auto server, Server::connect(context));
  Json last;
  CLI_TRY(const auto seats, allPages(server, kSeats, "seats", &last));
  const Json& summary = last["summary"];
  if (context.json) {
    context.emit(Json::object({{"seats", seats}, {"summary", summary}}));
    return {};
  }
  TextTable table({{"WHO"}, {"ROLE"}, {"STATE"}, {"SINCE"}, {"ID"}});
  for (const auto& seat : seats.items()) {
    const auto& since = seat["claimed_at"].isNull() ? seat["created_at"] : seat["claimed_at"];
    table.row({printable(nameOf(seat)), seat.strOr("role"), stateOf(seat), dayOf(since), seat.strOr("id")});
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  const auto used = summary.intOr("used"), viewers = summary.intOr("viewers");
  context.out << "\n" << withThousands(used) << " of " << limitText(summary["paid"]) << " seats are assigned";
  if (viewers > 0) context.out << ", " << viewers << (viewers == 1 ? " viewer is" : " viewers are") << " free";
  context.out << ".\n";
  if (const auto over = summary.intOr("over"); over > 0) {
    context.out << context.bad(std::to_string(over) + (over == 1 ? " seat rests" : " seats rest")) << " until there is room: "
                << "buy seats with `ccp seats set " << used << "`, or free one with `ccp seats revoke`.\n";
  }
  return {};
}

void showLink(const Context& context, const Json& answer) {
  const Json& seat = answer["seat"];
  if (answer.boolOr("mailed")) {
    context.out << "The invitation is on its way to " << context.bold(printable(seat.strOr("email"))) << ".\n";
    context.out << "They can also open this link, which works once, until " << dayOf(answer["link"]["expires_at"]) << ":\n\n  ";
  } else {
    context.out << "Pass this link on to " << context.bold(printable(nameOf(seat))) << "; it works once, until "
                << dayOf(answer["link"]["expires_at"]) << ":\n\n  ";
  }
  context.out << answer["link"].strOr("url") << "\n";
}

struct InviteOptions {
  std::string who, github, role = "member";
};

Done invite(const Context& context, const InviteOptions& options) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer, server.call("POST", kSeats, invitationOf(options.who, options.github, options.role),
                                         {{"Idempotency-Key", newToken(context.random)}}));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  showLink(context, answer);
  return {};
}

Done revoke(const Context& context, const std::string& who) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto seats, allPages(server, kSeats, "seats"));
  CLI_TRY(const auto seat, findPerson(seats, who, "seat for", "ccp seats list"));
  CLI_TRY(const auto answer, server.call("DELETE", seatPath(seat)));
  if (context.json) {
    context.emit(Json::object({{"revoked", seat}}));
    return {};
  }
  say(context, "The seat of " + printable(nameOf(seat)) + " is free; their devices are logged out.");
  return {};
}

Done resend(const Context& context, const std::string& who) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto seats, allPages(server, kSeats, "seats"));
  CLI_TRY(const auto seat, findPerson(seats, who, "seat for", "ccp seats list"));
  CLI_TRY(const auto answer, server.call("POST", seatPath(seat, "/resend"), Json::object(),
                                         {{"Idempotency-Key", newToken(context.random)}}));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  showLink(context, answer);
  hint(context, "The link before this one does not work any more.");
  return {};
}

void addInviteTo(CommandTree& tree, CLI::App& parent, const char* more) {
  auto options = std::make_shared<InviteOptions>();
  auto& app = tree.command(parent, "invite", "Invite somebody by address or GitHub handle",
                           [options](const Context& c) { return exitOf(invite(c, *options)); }, more);
  option(app, "who", options->who, "An address, or a GitHub handle as @octocat").typeName("EMAIL|@HANDLE").required();
  option(app, "--role", options->role, "admin, member, or viewer (free, reads dashboards)")
      .oneOf({"admin", "member", "viewer"})
      .showDefault();
  option(app, "--github", options->github, "GitHub handle of the address: finds their pull requests").typeName("HANDLE");
}

}  // namespace

CLI::App& addSeats(CommandTree& tree) {
  auto& seats = tree.command(tree.root(), "seats", "Show and manage who may use the product",
                             [](const Context& c) { return exitOf(listSeats(c)); },
                             "Owners and admins only. An invitation takes a seat until it is claimed or revoked; viewers take none.\n\n"
                             "  ccp seats                          who has one, how many are paid for\n"
                             "  ccp seats invite bert@acme.dev     the same as ccp invite\n"
                             "  ccp seats set 12                   pay for twelve");
  tree.command(seats, "list", "Show who has a seat, and how many are paid for",
               [](const Context& c) { return exitOf(listSeats(c)); });
  addInviteTo(tree, seats, "  ccp seats invite bert@acme.dev --github bertcodes\n  ccp seats invite @octocat");
  const auto who = [](CLI::App& app, std::string& target) {
    option(app, "who", target, "An address, @handle or seat id").typeName("WHO").required();
  };
  auto revoked = std::make_shared<std::string>(), resent = std::make_shared<std::string>();
  who(tree.command(seats, "revoke", "Take a seat away: its devices are logged out",
                   [revoked](const Context& c) { return exitOf(revoke(c, *revoked)); },
                   "The person leaves the organization, but for owners.\n\n  ccp seats revoke bert@acme.dev"),
      *revoked);
  who(tree.command(seats, "resend", "Make another link for an invitation, and mail it",
                   [resent](const Context& c) { return exitOf(resend(c, *resent)); }, "  ccp seats resend @octocat"),
      *resent);
  return seats;
}

void addInvite(CommandTree& tree) {
  addInviteTo(tree, tree.root(),
              "An address gets a mail and claims the seat by signing in. A handle gets a link that you pass on.\n\n"
              "  ccp invite bert@acme.dev --role admin\n  ccp invite @octocat\n  ccp invite boss@acme.dev --role viewer    free");
}

}  // namespace ccp::cli
