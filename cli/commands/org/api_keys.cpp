#include "cli/commands/org/api_keys.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/server.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kKeys = "/v1/org/api-keys";

Done listKeys(const Context& context, bool all) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer, server.call("GET", kKeys));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  TextTable table({{"NAME"}, {"ENDS IN"}, {"MAY"}, {"MADE"}, {"USED"}, {"ID"}});
  int shown = 0;
  for (const auto& key : answer["api_keys"].items()) {
    const bool revoked = !key["revoked_at"].isNull();
    if (revoked && !all) continue;
    ++shown;
    table.row({printable(key.strOr("name")), "…" + key.strOr("hint"),
               revoked ? "revoked " + dayOf(key["revoked_at"]) : listText(key["scopes"]),
               dayOf(key["created_at"]), dayOf(key["last_used_at"]), key.strOr("id")});
  }
  if (shown == 0) {
    say(context, "There is no API key. `ccp api-keys create NAME` makes one.");
    return {};
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  return {};
}

struct CreateOptions {
  std::string name;
  std::vector<std::string> scopes;
};

Done create(const Context& context, const CreateOptions& options) {
  CLI_TRY(auto server, Server::connect(context));
  Json body = Json::object({{"name", options.name}});
  Json scopes = Json::array();
  for (const auto& scope : options.scopes) scopes.push(scope);
  if (!scopes.empty()) body.set("scopes", std::move(scopes));
  CLI_TRY(const auto answer, server.call("POST", kKeys, body));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  // The secret alone on stdout, so that it can be piped to where it belongs.
  hint(context, "API key " + context.bold(printable(answer["api_key"].strOr("name"))) + " may: " +
                    listText(answer["api_key"]["scopes"]) + ". This is its secret; it is not shown again:");
  say(context, answer.strOr("secret"));
  hint(context, "Programs send it as `Authorization: Bearer …`.");
  return {};
}

Done revoke(const Context& context, const std::string& which) {
  CLI_TRY(auto server, Server::connect(context));
  CLI_TRY(const auto answer, server.call("GET", kKeys));
  const Json* found = nullptr;
  for (const auto& key : answer["api_keys"].items()) {
    if (!key["revoked_at"].isNull()) continue;
    if (key.strOr("id") == which) {
      found = &key;
      break;
    }
    if (key.strOr("name") != which) continue;
    if (found != nullptr) {
      return failed(Errc::usage_error, "Several API keys are called " + which + ".",
                    "Name it by its id; `ccp api-keys list` shows the ids.");
    }
    found = &key;
  }
  if (found == nullptr) {
    return failed(Errc::not_found, "There is no API key " + which + ".",
                  "`ccp api-keys list` shows those that there are.");
  }
  CLI_TRY([[maybe_unused]] const auto gone,
          server.call("DELETE", std::string(kKeys) + "/" + urlEncode(found->strOr("id"))));
  if (context.json) {
    context.emit(Json::object({{"revoked", *found}}));
    return {};
  }
  say(context, "API key " + printable(found->strOr("name")) + " is revoked; nothing signs in with it any more.");
  return {};
}

}  // namespace

void addApiKeys(CommandTree& tree) {
  auto all = std::make_shared<bool>(false);
  auto& keys = tree.command(
      tree.root(), "api-keys", "Show and manage what your own programs sign in with",
      [](const Context& c) { return exitOf(listKeys(c, false)); },
      "Owners and admins only. A key acts for the organization, in CI, in a gateway, in an exporter.\n\n"
      "  ccp api-keys create ci --scope usage\n"
      "  ccp api-keys create gateway --scope introspect    asks whether access tokens are valid\n"
      "  ccp api-keys revoke ci");
  auto& list = tree.command(keys, "list", "Show the API keys of the organization",
                            [all](const Context& c) { return exitOf(listKeys(c, *all)); });
  flag(list, "--all", *all, "Revoked ones as well");
  auto options = std::make_shared<CreateOptions>();
  auto& made = tree.command(keys, "create", "Make an API key and show its secret, once",
                            [options](const Context& c) { return exitOf(create(c, *options)); },
                            "  ccp api-keys create ci --scope usage > key.txt");
  option(made, "name", options->name, "What it is for; 1 to 80 characters").typeName("NAME").required();
  option(made, "--scope", options->scopes, "What it may do; may be repeated. Without it: all that you may")
      .typeName("SCOPE")
      .oneOf({"license", "usage", "billing", "dash", "introspect", "policy"});
  auto which = std::make_shared<std::string>();
  auto& ended = tree.command(keys, "revoke", "End an API key, at once",
                             [which](const Context& c) { return exitOf(revoke(c, *which)); }, "  ccp api-keys revoke ci");
  option(ended, "which", *which, "Its name or id").typeName("NAME|ID").required();
}

}  // namespace ccp::cli
