#include "cli/support/operator.hpp"

#include <algorithm>
#include <cstdlib>

#include "cli/support/profile.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

Outcome<std::string> operatorKey(const std::string& key_file) {
  std::string path = key_file;
  if (path.empty()) {
    const char* value = std::getenv("CCP_OPERATOR_KEY");
    if (value == nullptr)
      return failed(Errc::unauthenticated, "This needs the operator key.",
                    "Give --operator-key FILE (<state>/operator.key), or set CCP_OPERATOR_KEY.");
    if (*value != '@') return std::string(value);
    path = value + 1;
  }
  CLI_TRY(auto text, readFile(path, 4096));
  return text.substr(0, text.find_first_of("\r\n"));
}

Outcome<std::string> serverOf(const Context& context) {
  if (!context.server.empty()) {
    CLI_TRY(const auto address, serverAddress(context.server));
    return address;
  }
  const auto session = Profile(context).session();
  if (session) return session->server;
  return failed(Errc::usage_error, "Which server?", "Give --server https://… or set CCP_SERVER.");
}

}  // namespace

Outcome<Answer> operatorExchange(const Context& context, const std::string& key_file,
                                 const std::string& method, const std::string& path,
                                 const std::optional<std::string>& text,
                                 std::vector<std::pair<std::string, std::string>> headers) {
  CLI_TRY(const auto server, serverOf(context));
  CLI_TRY(const auto key, operatorKey(key_file));
  headers.emplace_back("Authorization", "Bearer " + key);
  const bool typed = std::any_of(headers.begin(), headers.end(), [](const auto& header) { return header.first == "Content-Type"; });
  if (text && !typed) headers.emplace_back("Content-Type", "application/json");
  CLI_TRY(auto answer, plainRequest(context, method, server + path, text.value_or(""), headers));
  return answer;
}

Outcome<Json> operatorCall(const Context& context, const std::string& key_file,
                           const std::string& method, const std::string& path,
                           const std::optional<Json>& body) {
  CLI_TRY(const auto answer,
          operatorExchange(context, key_file, method, path,
                           body ? std::optional(body->dump()) : std::nullopt));
  if (answer.status >= 400) {
    Failure failure(errorFrom(answer));
    if (failure.exit == kNotLoggedIn) failure.next_step = "Check the operator key.";
    return failed(std::move(failure));
  }
  return answer.json;
}

}  // namespace ccp::cli
