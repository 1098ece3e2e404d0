// Operator commands: organizations, licenses and exports, with the operator key.
#pragma once

#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"

namespace ccp::cli {

struct AdminOptions {
  std::string operator_key;  ///< file; empty: CCP_OPERATOR_KEY (the key or @file)
};

Done runAdminOrgCreate(const Context& context, const AdminOptions& options, const std::string& name,
                       const std::string& owner);
Done runAdminOrgList(const Context& context, const AdminOptions& options);
Done runAdminLicenseShow(const Context& context, const AdminOptions& options,
                         const std::string& org);
/// `action`: suspend, resume or revoke.
Done runAdminLicense(const Context& context, const AdminOptions& options, const std::string& action,
                     const std::string& org, const std::string& reason);

/// What every exporter has taken and what waits for it. Exit 1 when a stream is paused or failing.
Outcome<int> runAdminExportsList(const Context& context, const AdminOptions& options);
Done runAdminExportsRetry(const Context& context, const AdminOptions& options, const std::string& instance, const std::string& stream);
Done runAdminExportsDiscard(const Context& context, const AdminOptions& options, const std::string& instance, const std::string& stream,
                            const std::string& reason);

/// What a changed plan catalog does to existing customers; `file` empty: the one that lies on the server's
/// disk. Exit 1 when a reload would refuse it.
Outcome<int> runAdminPlansDiff(const Context& context, const AdminOptions& options, const std::string& file);

/// Applies the configuration as it is on disk, and shows what that changed.
Done runAdminReload(const Context& context, const AdminOptions& options);

}  // namespace ccp::cli
