#include "cli/commands/org/members.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/org_lookup.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kMembers = "/v1/org/members";

Done listMembers(const Context& context) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto members, allPages(server, kMembers, "members"));
  if (context.json) {
    context.emit(Json::object({{"members", members}}));
    return {};
  }
  TextTable table({{"WHO"}, {"ROLE"}, {"GITHUB"}, {"SINCE"}, {"ID"}});
  for (const auto& member : members.items()) {
    const auto github = member.strOr("github");
    table.row({printable(member.strOr("email")), member.strOr("role"), github.empty() ? "–" : "@" + github,
               member.strOr("joined_at").substr(0, 10), member.strOr("id")});
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  return {};
}

Done giveRole(const Context& context, const std::string& who, const std::string& role) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto members, allPages(server, kMembers, "members"));
  CLI_TRY(const auto member, findPerson(members, who, "member", "ccp members list"));
  CLI_TRY(const auto answer, server.call("PATCH", std::string(kMembers) + "/" + urlEncode(member.strOr("id")),
                                         Json::object({{"role", role}})));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  say(context, printable(member.strOr("email")) + " is " + role + " now.");
  return {};
}

Done removeMember(const Context& context, const std::string& who) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto members, allPages(server, kMembers, "members"));
  CLI_TRY(const auto member, findPerson(members, who, "member", "ccp members list"));
  CLI_TRY(const auto answer, server.call("DELETE", std::string(kMembers) + "/" + urlEncode(member.strOr("id"))));
  if (context.json) {
    context.emit(Json::object({{"removed", member}}));
    return {};
  }
  say(context, printable(member.strOr("email")) + " has left the organization; their seat is free.");
  return {};
}

}  // namespace

void addMembers(CommandTree& tree) {
  auto& members = tree.command(tree.root(), "members", "Show and manage the organization's members",
                               [](const Context& c) { return exitOf(listMembers(c)); },
                               "Everybody but viewers sees the list; owners and admins change it; owners are made by owners.\n\n"
                               "  ccp members role bert@acme.dev admin\n  ccp members remove bert@acme.dev");
  tree.command(members, "list", "Show who belongs to the organization", [](const Context& c) { return exitOf(listMembers(c)); });

  struct RoleOptions {
    std::string who, role;
  };
  auto options = std::make_shared<RoleOptions>();
  auto& role = tree.command(members, "role", "Give a member another role",
                            [options](const Context& c) { return exitOf(giveRole(c, options->who, options->role)); },
                            "A viewer takes no paid seat: becoming one frees the seat and logs the devices out.\n\n"
                            "  ccp members role bert@acme.dev admin\n  ccp members role @octocat viewer");
  option(role, "who", options->who, "An address, @handle or user id").typeName("WHO").required();
  option(role, "role", options->role, "owner, admin, member or viewer")
      .oneOf({"owner", "admin", "member", "viewer"})
      .required();

  auto removed = std::make_shared<std::string>();
  auto& remove = tree.command(members, "remove", "Remove a member; or leave, by naming yourself",
                              [removed](const Context& c) { return exitOf(removeMember(c, *removed)); },
                              "Takes the seat away and logs the devices out. The last owner stays.\n\n  ccp members remove bert@acme.dev");
  option(remove, "who", *removed, "An address, @handle or user id").typeName("WHO").required();
}

}  // namespace ccp::cli
