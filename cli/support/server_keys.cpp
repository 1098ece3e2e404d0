#include "cli/support/server_keys.hpp"

#include <algorithm>
#include <cstdlib>

#include "cli/support/operator.hpp"
#include "cli/support/server.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

Done addKeys(const Json& answer, const std::string& from, std::vector<crypto::PublicKey>& out) {
  Json one = Json::array();
  one.push(Json::object({{"jwk", answer}}));
  const Json& list = answer.find("keys") ? answer["keys"] : one;
  for (const auto& item : list.items()) {
    if (item.strOr("state") == "retired" || item.strOr("state") == "compromised") continue;
    const auto key = crypto::publicKeyFromJwk(item["jwk"]);
    if (!key) return failed(key.error().code, from + ": " + key.error().detail);
    if (std::find(out.begin(), out.end(), *key) == out.end()) out.push_back(*key);
  }
  return {};
}

}  // namespace

Outcome<std::vector<crypto::PublicKey>> serverKeys(const Context& context, const std::vector<std::string>& files,
                                                   const std::string& operator_key) {
  std::vector<crypto::PublicKey> out;
  for (const auto& file : files) {
    CLI_TRY(const auto text, readFile(file, 64u << 10));
    CLI_TRY(const auto json, parseJson(text));
    CLI_CHECK(addKeys(json, file, out));
  }
  if (files.empty()) {
    if (!operator_key.empty() || std::getenv("CCP_OPERATOR_KEY") != nullptr) {
      CLI_TRY(const auto answer, operatorCall(context, operator_key, "GET", "/v1/admin/policy/keys"));
      CLI_CHECK(addKeys(answer, "the server", out));
    } else {
      CLI_TRY(auto server, Server::connect(context));
      CLI_TRY(const auto answer, server.call("GET", "/v1/policy/keys"));
      CLI_CHECK(addKeys(answer, "the server", out));
    }
  }
  if (out.empty())
    return failed(Errc::not_found, "The server has no key for policy channels.",
                  "Give --server-key FILE with the answer of GET /v1/policy/keys.");
  return out;
}

}  // namespace ccp::cli
