#include "cli/commands/plugin/trust.hpp"

#include <algorithm>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"
#include "core/base/file.hpp"
#include "core/package/trust/key_file.hpp"
#include "core/package/trust/trusted_key.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kPath = "/v1/admin/plugins/trust";

struct AddOptions {
  std::string key, title, expires, operator_key;
  std::vector<std::string> prefixes, channels, egress, secrets, services, events;
  std::int64_t kv_bytes = 1 << 20;
  bool inproc = false, replace = false, has_kv = false, print = false;
};

Json listOf(const std::vector<std::string>& items) {
  Json out = Json::array();
  for (const auto& item : items) out.push(item);
  return out;
}

/// `more` behind what `before` holds, each once.
Json merged(const Json& before, const std::vector<std::string>& more) {
  Json out = before.isArray() ? before : Json::array();
  for (const auto& item : more) {
    const auto& have = out.items();
    if (std::none_of(have.begin(), have.end(),
                     [&](const Json& each) { return each.asString() && *each.asString() == item; }))
      out.push(item);
  }
  return out;
}

/// A key id as messages and `trust list` show it: "key:…", because an id may begin with a dash.
std::string kidOf(const std::string& text) {
  return text.starts_with("key:") ? text.substr(4) : text;
}

void showKey(const Context& context, const Json& key) {
  const auto line = [&](const char* name, const std::string& text) {
    say(context, "  " + std::string(name) + std::string(10 - std::string(name).size(), ' ') +
                     printable(text));
  };
  const auto state = key.strOr("state");
  const auto title = key.strOr("title");
  say(context, context.bold("key:" + key.strOr("kid")) + (title.empty() ? "" : "  " + printable(title)) +
                   "  " + (state == "active" ? context.good(state) : context.bad(state)));
  line("ids", listText(key["prefixes"], "nothing"));
  line("modes", listText(key["channels"], "nothing"));
  line("egress", listText(key["grants"]["egress"], "nothing"));
  line("secrets", listText(key["grants"]["secrets"], "nothing"));
  line("services", listText(key["grants"]["services"], "nothing"));
  line("events", listText(key["grants"]["events"], "nothing"));
  line("storage", std::to_string(key["grants"].intOr("kv_bytes")) + " bytes");
  line("inproc", key["grants"].boolOr("inproc") ? "allowed: as powerful as ccpd itself" : "no");
  if (const auto at = key.optStr("expires_at")) line("expires", *at);
  if (const auto at = key.optStr("revoked_at"))
    line("revoked", *at + ": " + key.strOr("revoked_reason"));
}

/// The key of a file, or one that the server knows: its JWK, title and what it is trusted with.
Outcome<Json> knownKey(const Context& context, const AddOptions& options) {
  std::string kid = kidOf(options.key);
  Json fresh;
  if (fileExists(options.key)) {
    CLI_TRY(const auto named, plugin::readPublicKey(options.key));
    kid = named.key.thumbprint();
    fresh = Json::object({{"public_key", named.key.jwk()}, {"title", named.title}});
  }
  if (options.print && !fresh.isNull()) return fresh;
  CLI_TRY(const auto all, operatorCall(context, options.operator_key, "GET", kPath));
  for (const auto& key : all["keys"].items())
    if (key.strOr("kid") == kid) return key;
  if (fresh.isNull())
    return failed(Errc::not_found,
                  "There is no file " + options.key + ", and the server knows no key of that id.",
                  "Give the author's public key file (FILE.pub of `ccp plugin keygen`).");
  return fresh;
}

Outcome<Json> bodyOf(const Context& context, const AddOptions& options) {
  CLI_TRY(const auto known, knownKey(context, options));
  const bool is_new = !known.find("kid");
  const Json before = is_new || options.replace ? Json::object() : known;
  if (before["prefixes"].empty() && options.prefixes.empty())
    return failed(Errc::usage_error, "Which plugins may this key sign?",
                  "Give --prefix, for example --prefix acme. (with the dot).");
  const Json& had = before["grants"];
  const bool fill = is_new || options.replace;
  Json grants = Json::object({{"egress", merged(had["egress"], options.egress)},
                              {"secrets", merged(had["secrets"], options.secrets)},
                              {"services", merged(had["services"], options.services)},
                              {"events", merged(had["events"], options.events)},
                              {"kv_bytes", fill || options.has_kv ? Json(options.kv_bytes)
                                                                  : had["kv_bytes"]},
                              {"inproc", options.inproc || had.boolOr("inproc")}});
  if (fill && options.services.empty()) grants.set("services", listOf({"*"}));
  Json channels = merged(before["channels"], options.channels);
  if (channels.empty()) channels = listOf({"dev", "prod"});
  Json expires = before["expires_at"];
  if (!options.expires.empty())
    expires = options.expires.size() == 10 ? options.expires + "T00:00:00Z" : options.expires;
  return Json::object({{"public_key", known["public_key"]},
                       {"title", options.title.empty() ? known.strOr("title") : options.title},
                       {"prefixes", merged(before["prefixes"], options.prefixes)},
                       {"channels", std::move(channels)},
                       {"grants", std::move(grants)},
                       {"expires_at", std::move(expires)}});
}

Outcome<int> runAdd(const Context& context, const AddOptions& options) {
  CLI_TRY(const auto body, bodyOf(context, options));
  // The same rules as the server's: a mistake is told without a round trip, with the option's name.
  if (const auto checked = plugin::parseTrustedKey(body); !checked)
    return failed(Errc::usage_error, checked.error().detail, "See `ccp help plugin trust add`.");
  if (options.print) {
    context.emit(body);
    return kOk;
  }
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "POST", kPath, body));
  if (context.json)
    context.emit(answer);
  else
    showKey(context, answer["key"]);
  return kOk;
}

Outcome<int> runList(const Context& context, const std::string& operator_key) {
  CLI_TRY(const auto answer, operatorCall(context, operator_key, "GET", kPath));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  say(context, context.bold(answer["vendor"].strOr("kid")) + "  the vendor of this ccpd, for ids that begin with ccp.");
  for (const auto& key : answer["keys"].items()) showKey(context, key);
  if (!answer["versions"].empty()) {
    say(context, "");
    say(context, context.bold("Highest versions that ran; older ones are refused"));
  }
  for (const auto& version : answer["versions"].items())
    say(context, "  " + printable(version.strOr("plugin") + " " + version.strOr("version")));
  return kOk;
}

Outcome<int> runRevoke(const Context& context, const std::string& operator_key,
                       const std::string& kid, const std::string& reason) {
  CLI_TRY(const auto answer,
          operatorCall(context, operator_key, "POST",
                       std::string(kPath) + "/" + urlEncode(kidOf(kid)) + "/revoke",
                       Json::object({{"reason", reason}})));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  showKey(context, answer["key"]);
  hint(context, "What runs on it goes on until its next swap or restart; `ccp plugin list` and the "
                "server's doctor name it.");
  return kOk;
}

Outcome<int> runRollback(const Context& context, const std::string& operator_key,
                         const std::string& plugin, const std::string& version,
                         const std::string& reason) {
  Json body = Json::object({{"plugin", plugin}, {"version", version}});
  if (!reason.empty()) body.set("reason", reason);
  CLI_TRY(const auto answer,
          operatorCall(context, operator_key, "POST", "/v1/admin/plugins/versions", body));
  if (context.json)
    context.emit(answer);
  else
    say(context, printable(plugin + " " + version) + " and newer may load again.");
  return kOk;
}

void addAdd(CommandTree& tree, CLI::App& trust) {
  const auto options = std::make_shared<AddOptions>();
  auto& app = tree.command(
      trust, "add", "Trust a key, or change what it is trusted with",
      [options](const Context& c) { return runAdd(c, *options); },
      "KEY is the author's public key file, or the id of a key that is trusted already: options add "
      "to what it has,\n"
      "--replace sets exactly what is given. A new key gets every host service, 1 MiB of storage, "
      "both modes, and no\n"
      "egress, secrets or events. Get the file from its author over a way that you trust.\n\n"
      "  ccp plugin trust add acme.key.pub --prefix acme. --grant-egress https://api.acme.dev "
      "--grant-secret 'acme/*'\n"
      "  ccp plugin trust add key:kPrK_qmx… --expires 2027-06-30    an id from `ccp plugin trust list`");
  option(app, "key", options->key, "Public key file, or key id").required();
  option(app, "--prefix", options->prefixes, "Beginning of the ids that it may sign: acme.")
      .typeName("PREFIX")
      .separatedBy(',');
  option(app, "--channel", options->channels, "Modes of the server: dev, prod")
      .separatedBy(',')
      .oneOf({"dev", "prod"});
  option(app, "--expires", options->expires, "Trust it until then: 2027-06-30").typeName("DATE");
  option(app, "--title", options->title, "Whose key it is").typeName("TEXT");
  option(app, "--grant-egress", options->egress,
         "Origins: https://api.acme.dev, https://*.acme.dev, *")
      .typeName("ORIGIN")
      .separatedBy(',');
  option(app, "--grant-secret", options->secrets, "Secrets: acme/token, acme/*")
      .typeName("ID")
      .separatedBy(',');
  option(app, "--grant-event", options->events, "Event types: pager.sent, pager.*")
      .typeName("TYPE")
      .separatedBy(',');
  option(app, "--grant-service", options->services, "Host services, instead of all: ccp.http/1")
      .typeName("ID")
      .separatedBy(',');
  option(app, "--grant-kv", options->kv_bytes, "Bytes of storage")
      .range(0, 64 << 20)
      .showDefault()
      .each([options](const std::string&) { options->has_kv = true; });
  flag(app, "--inproc", options->inproc,
       "Its plugins may run inside ccpd, as powerful as ccpd itself");
  flag(app, "--replace", options->replace, "Forget what it was trusted with before");
  flag(app, "--print", options->print,
       "Send nothing: print it, for `ccpd --trust-plugins` on a server that does not run");
  CommandTree::addOperatorKey(app, options->operator_key);
}

}  // namespace

void addPluginTrust(CommandTree& tree, CLI::App& plugin) {
  auto& trust = tree.group(plugin, "trust", "Whose plugins a server runs (needs the operator key)");
  addAdd(tree, trust);

  struct Words {
    std::string operator_key, what, reason, version;
  };
  const auto listing = std::make_shared<Words>();
  CommandTree::addOperatorKey(
      tree.command(trust, "list", "List trusted keys and the highest versions that ran",
                   [listing](const Context& c) { return runList(c, listing->operator_key); }),
      listing->operator_key);

  const auto revoking = std::make_shared<Words>();
  auto& revoke = tree.command(trust, "revoke", "Trust a key no more, for good",
                              [revoking](const Context& c) {
                                return runRevoke(c, revoking->operator_key, revoking->what,
                                                 revoking->reason);
                              });
  option(revoke, "kid", revoking->what, "Id of the key").required();
  option(revoke, "--reason", revoking->reason, "Why; it goes to the audit log and to refusals")
      .typeName("TEXT")
      .required();
  CommandTree::addOperatorKey(revoke, revoking->operator_key);

  const auto back = std::make_shared<Words>();
  auto& rollback = tree.command(
      trust, "rollback", "Let an older version of a plugin load again",
      [back](const Context& c) {
        return runRollback(c, back->operator_key, back->what, back->version, back->reason);
      },
      "  ccp plugin trust rollback acme.pager --to 1.1.0 --reason '1.2.0 loses pages'");
  option(rollback, "plugin", back->what, "Id of the plugin").required();
  option(rollback, "--to", back->version, "The lowest version that may load")
      .typeName("VERSION")
      .required();
  option(rollback, "--reason", back->reason, "Why; it goes to the audit log").typeName("TEXT");
  CommandTree::addOperatorKey(rollback, back->operator_key);
}

}  // namespace ccp::cli
