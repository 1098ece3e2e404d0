#include "cli/commands/admin.hpp"

#include <cstdlib>
#include <optional>

#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "core/base/encoding.hpp"
#include "core/base/file.hpp"

namespace ccp::cli {
namespace {

Outcome<std::string> operatorKey(const AdminOptions& options) {
  std::string path = options.operator_key;
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

Outcome<Json> call(const Context& context, const AdminOptions& options, const std::string& method,
                   const std::string& path, const std::optional<Json>& body = std::nullopt) {
  CLI_TRY(const auto server, serverOf(context));
  CLI_TRY(const auto key, operatorKey(options));
  std::vector<std::pair<std::string, std::string>> headers{{"Authorization", "Bearer " + key}};
  if (body) headers.emplace_back("Content-Type", "application/json");
  CLI_TRY(const auto answer, plainRequest(context, method, server + path,
                                          body ? body->dump() : std::string(), headers));
  if (answer.status >= 400) {
    Failure failure(errorFrom(answer));
    if (failure.exit == kNotLoggedIn) failure.next_step = "Check the operator key.";
    return failed(std::move(failure));
  }
  return answer.json;
}

void showLicense(const Context& context, const Json& answer) {
  if (context.json) {
    context.emit(answer);
    return;
  }
  const Json& license = answer["license"];
  context.out << license.strOr("org") << "\n"
              << "  state     " << context.bold(license.strOr("state"))
              << (license.strOr("reason").empty() ? "" : " (" + license.strOr("reason") + ")")
              << "\n"
              << "  plan      " << license.strOr("plan") << "\n"
              << "  seats     " << license["seats"].intOr("used") << " of "
              << license["seats"].intOr("total") << "\n"
              << "  version   " << license.intOr("version") << "\n";
  if (license.strOr("admin_override") != "none")
    context.out << "  operator  " << license.strOr("admin_override") << ": "
                << license.strOr("admin_reason") << "\n";
  if (const auto ends = license.optStr("ends_at")) context.out << "  ends      " << *ends << "\n";
}

}  // namespace

Done runAdminOrgCreate(const Context& context, const AdminOptions& options, const std::string& name,
                       const std::string& owner) {
  CLI_TRY(const auto answer, call(context, options, "POST", "/v1/admin/orgs",
                                  Json::object({{"name", name}, {"owner", owner}})));
  if (context.json)
    context.emit(answer);
  else
    context.out << "Made " << context.bold(answer["org"].strOr("name")) << " "
                << answer["org"].strOr("id") << ", owned by " << owner << ".\n";
  return {};
}

Done runAdminOrgList(const Context& context, const AdminOptions& options) {
  std::string cursor;
  Json all = Json::array();
  do {
    CLI_TRY(const auto page, call(context, options, "GET",
                                  "/v1/admin/orgs?limit=200" +
                                      (cursor.empty() ? "" : "&cursor=" + urlEncode(cursor))));
    for (const auto& org : page["orgs"].items()) {
      all.push(org);
      if (!context.json)
        context.out << org.strOr("id") << "  " << org.strOr("license_state") << "  "
                    << org.strOr("plan") << "  " << org.strOr("name") << "\n";
    }
    cursor = page.strOr("next_cursor");
  } while (!cursor.empty());
  if (context.json) context.emit(Json::object({{"orgs", std::move(all)}}));
  return {};
}

Done runAdminLicenseShow(const Context& context, const AdminOptions& options,
                         const std::string& org) {
  CLI_TRY(const auto answer,
          call(context, options, "GET", "/v1/admin/orgs/" + urlEncode(org) + "/license"));
  showLicense(context, answer);
  return {};
}

Done runAdminLicense(const Context& context, const AdminOptions& options, const std::string& action,
                     const std::string& org, const std::string& reason) {
  Json body = Json::object();
  if (!reason.empty()) body.set("reason", reason);
  CLI_TRY(const auto answer, call(context, options, "POST",
                                  "/v1/admin/orgs/" + urlEncode(org) + "/license/" + action, body));
  showLicense(context, answer);
  return {};
}

}  // namespace ccp::cli
