// ccp login: RFC 8628 device flow with a key of this machine, then the license pack.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "cli/commands/account.hpp"
#include "cli/support/browser.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/policy_client.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "cli/support/wait.hpp"
#include "core/base/encoding.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

constexpr const char* kGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr const char* kScope = "license usage billing dash";

std::string hostName() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

/// A root key that somebody gave beats the one that the server offers: that is what trust is.
Result<Json> givenRootKeys(const LoginOptions& options) {
  std::string path = options.root_key;
  if (path.empty()) {
    if (const char* from_environment = std::getenv("CCP_ROOT_KEY")) path = from_environment;
  }
  if (path.empty()) return Json();
  CCP_TRY(const auto text, readFile(path, 1 << 16));
  CCP_TRY(auto json, parseJson(text));
  if (json.isArray()) return json;
  if (json["keys"].isArray()) return json["keys"];
  return Json::array({std::move(json)});
}

/// Pins the root key of a server that this machine meets for the first time.
Status trustRoot(const Context& context, const std::string& server, const Json& configuration,
                 const LoginOptions& options) {
  const Profile profile(context);
  CCP_TRY(const auto given, givenRootKeys(options));
  CCP_TRY(const auto known, profile.rootKeys(server));
  if (!given.isNull()) return profile.pinRootKeys(server, given);
  Json offered = configuration["root_keys"];
  if (offered.empty()) return fail(Errc::key_unknown, server + " publishes no root key.");
  if (known.empty()) {
    CCP_CHECK_OK(profile.pinRootKeys(server, offered));
    CCP_TRY(const auto pinned, profile.rootKeys(server));
    for (const auto& [thumbprint, key] : pinned) {
      if (context.json) {
        context.emit(Json::object({{"pinned_root_key", thumbprint}, {"server", server}}));
      } else if (!context.quiet) {
        context.err << context.dim("First log-in at " + server + ": trusting its root key " +
                                   thumbprint + "\n");
      }
    }
    return {};
  }
  for (const auto& jwk : offered.items()) {
    const auto key = crypto::publicKeyFromJwk(jwk);
    if (key && known.count(key->thumbprint()) != 0) return {};
  }
  return fail(Errc::key_unknown,
              server +
                  " offers another root key than the one that this machine trusts. If the vendor "
                  "changed it, give the new one with --root-key.");
}

void showCode(const Context& context, const Json& begun, bool opened) {
  if (context.json) {
    context.emit(
        Json::object({{"user_code", begun.strOr("user_code")},
                      {"verification_uri", begun.strOr("verification_uri")},
                      {"verification_uri_complete", begun.strOr("verification_uri_complete")},
                      {"expires_in_s", begun.intOr("expires_in")}}));
    return;
  }
  const auto code = begun.strOr("user_code");
  const std::string bar(code.size() + 6, '-');
  context.out << "\n  Open   " << begun.strOr("verification_uri")
              << (opened ? "   (a browser is opening)" : "")
              << "\n  and check that it shows this code:\n\n"
              << "    +" << bar << "+\n    |   " << context.bold(code) << "   |\n    +" << bar
              << "+\n\n";
  if (const auto link = begun.strOr("verification_uri_complete"); !link.empty())
    context.out << context.dim("  or follow " + link + "\n\n");
  context.out << "Waiting for the approval..." << std::endl;
}

/// Polls as RFC 8628, section 3.5 says: interval, slow_down, back-off when the network fails.
Outcome<Json> pollToken(const Context& context, const crypto::SigningKey& key,
                        const std::string& endpoint, const Json& begun) {
  auto interval = seconds(std::max<std::int64_t>(1, begun.intOr("interval", 5)));
  auto network_pause = seconds(0);
  const auto end = context.clock.now() + seconds(begun.intOr("expires_in", 900));
  while (context.clock.now() < end) {
    waiter()(interval + network_pause);
    const auto answer =
        tokenRequest(context, key, endpoint,
                     {{"grant_type", kGrant}, {"device_code", begun.strOr("device_code")}});
    if (!answer) {
      if (Failure(answer.error()).exit != kUnreachable) return failed(Failure(answer.error()));
      network_pause = std::min(seconds(60), network_pause * 2 + seconds(1));
      continue;
    }
    network_pause = seconds(0);
    const auto error = answer->strOr("error");
    if (error.empty()) return *answer;
    if (error == "slow_down")
      interval += seconds(5);
    else if (error == "access_denied")
      return failed(Errc::forbidden,
                    "The log-in was denied: " +
                        answer->strOr("error_description", "somebody pressed Deny") + ".",
                    "Run ccp login again and approve it.");
    else if (error == "expired_token")
      break;
    else if (error != "authorization_pending")
      return failed(Errc::invalid_request, answer->strOr("error_description", error));
  }
  return failed(Errc::code_invalid, "The code was not approved in time.", "Run ccp login again.");
}

/// The roots of policies are pinned while a person looks, and never again by themselves. A log-in stands
/// without: then policies are not trusted.
std::optional<PolicyAccount> pinPolicyRoots(const Context& context) {
  const auto remote = PolicyRemote::open(context, "");
  if (!remote) return std::nullopt;
  auto account = learnPolicyAccount(context, **remote, true);
  if (!account) return std::nullopt;
  return std::move(*account);
}

}  // namespace

Done runLogin(const Context& context, const LoginOptions& options) {
  const Profile profile(context);
  CLI_CHECK(profile.prepare());
  std::string address = context.server;
  if (address.empty()) {
    const auto old = profile.session();
    if (old) address = old->server;
  }
  if (address.empty())
    return failed(Errc::usage_error, "Which server?",
                  "Run ccp login --server https://… (or set CCP_SERVER).");
  CLI_TRY(const auto server, serverAddress(address));
  CLI_TRY(const auto endpoints, Endpoints::discover(context, server));
  CLI_TRY(const auto configuration,
          plainRequest(context, "GET", server + "/.well-known/ccp-configuration"));
  if (configuration.status != 200) return failed(errorFrom(configuration));
  CLI_CHECK(trustRoot(context, server, configuration.json, options));
  CLI_TRY(const auto key, [&profile] {
    const auto lock = profile.lock();  // two logins at once must end with one key
    return profile.deviceKey(true);
  }());

  const auto form =
      "client_id=ccp-cli&scope=" + urlEncode(kScope) + "&hostname=" + urlEncode(hostName());
  CLI_TRY(const auto begun, plainRequest(context, "POST", endpoints.device_authorization, form,
                                         {{"Content-Type", "application/x-www-form-urlencoded"}}));
  if (begun.status != 200) return failed(errorFrom(begun));
  const auto link =
      begun.json.strOr("verification_uri_complete", begun.json.strOr("verification_uri"));
  showCode(context, begun.json, !options.no_browser && openBrowser(link));

  CLI_TRY(const auto tokens, pollToken(context, key, endpoints.token, begun.json));
  Session session{server,
                  configuration.json["product"].strOr("id"),
                  tokens.strOr("access_token"),
                  tokens.strOr("refresh_token"),
                  context.clock.now() + seconds(tokens.intOr("expires_in", 60)),
                  tokens.strOr("scope")};
  CLI_CHECK(profile.save(session));

  CLI_TRY(auto connection, Server::connect(context));
  CLI_TRY(const auto status, connection.call("GET", "/v1/license/status"));
  const auto who = status["user"].strOr("email");
  const auto org = status["org"].strOr("name");
  // Some organizations hold no pack (no license, no fallback plan): the log-in stands all the same.
  const auto pack = fetchPack(context, connection, true);
  if (!pack && Failure(pack.error()).exit != kDenied && Failure(pack.error()).exit != kStale)
    return failed(Failure(pack.error()));
  const auto policies = pinPolicyRoots(context);
  if (context.json) {
    context.emit(Json::object({{"logged_in", true},
                               {"server", server},
                               {"user", status["user"]},
                               {"org", status["org"]},
                               {"plan", status["license"].strOr("plan")},
                               {"pack", pack ? Json(profile.path("license.pack")) : Json()},
                               {"policy_roots",
                                policies ? Json::object({{"operator", policies->operator_pin},
                                                         {"org", policies->org_pin}})
                                         : Json()}}));
  } else {
    context.out << context.good("Logged in") << " as " << context.bold(who) << " (" << org
                << "), plan " << status["license"].strOr("plan_title") << ".\n";
    if (!pack)
      context.out << "No license pack: " << pack.error().detail << "\n";
    else
      context.out << context.dim("The license pack is in " + profile.path("license.pack") + "\n");
    if (policies && !policies->operator_pin.empty())
      context.out << context.dim("Policy root of the operator: " + policies->operator_pin + "\n");
    if (policies && !policies->org_pin.empty())
      context.out << context.dim("Policy root of " + org + ": " + policies->org_pin + "\n");
  }
  return {};
}

}  // namespace ccp::cli
