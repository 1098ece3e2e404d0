#include "cli/commands/admin.hpp"

#include "cli/support/operator.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

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
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "POST", "/v1/admin/orgs",
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
    CLI_TRY(const auto page, operatorCall(context, options.operator_key, "GET",
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
          operatorCall(context, options.operator_key, "GET", "/v1/admin/orgs/" + urlEncode(org) + "/license"));
  showLicense(context, answer);
  return {};
}

Done runAdminLicense(const Context& context, const AdminOptions& options, const std::string& action,
                     const std::string& org, const std::string& reason) {
  Json body = Json::object();
  if (!reason.empty()) body.set("reason", reason);
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "POST",
                                  "/v1/admin/orgs/" + urlEncode(org) + "/license/" + action, body));
  showLicense(context, answer);
  return {};
}

Done runAdminReload(const Context& context, const AdminOptions& options) {
  Context patient = context;
  patient.timeout = minutes(2);  // instances start and drain meanwhile
  CLI_TRY(const auto answer, operatorCall(patient, options.operator_key, "POST", "/v1/admin/reload"));
  if (context.json) {
    context.emit(answer);
    return {};
  }
  const Json& report = answer["reload"];
  if (report["applied"].empty() && report["plugins"].empty()) say(context, "Nothing changed that could be applied.");
  if (!report["applied"].empty()) say(context, "Applied " + listText(report["applied"]) + ".");
  for (const auto& change : report["plugins"].items())
    say(context, "  " + printable(change.strOr("action")) + " " + printable(change.strOr("instance")));
  if (!report["needs_restart"].empty())
    say(context, context.bold("Needs a restart of ccpd: ") + listText(report["needs_restart"]));
  return {};
}

}  // namespace ccp::cli
