// Commands that speak to the server as a person: each is one function of values, bound to the
// command line in app.cpp. Each prints its own result; a Failure is printed by the caller.
#pragma once

#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"

namespace ccp::cli {

struct LoginOptions {
  bool no_browser = false;
  std::string root_key;  ///< file with the vendor's root key as JWK; empty: CCP_ROOT_KEY, else
                         ///< pinned at first log-in
};
Done runLogin(const Context& context, const LoginOptions& options);

struct LogoutOptions {
  std::string device;  ///< another device of the same person, by id; empty: this machine
};
Done runLogout(const Context& context, const LogoutOptions& options);

Done runWhoami(const Context& context);

struct StatusOptions {
  bool offline = false;
};
/// Answers from the server, or from the pack when there is no server; a Failure of exit 5 when the
/// pack has expired as well.
Done runStatus(const Context& context, const StatusOptions& options);

Done runPlan(const Context& context);

struct UpgradeOptions {
  std::string price;
  int quantity = 0;               ///< 0: one for a purchase, as many as now for a change
  std::string proration = "now";  ///< of a change
  bool no_browser = false;
  bool no_wait = false;
  int timeout_s = 1800;
};
Done runUpgrade(const Context& context, const UpgradeOptions& options);

}  // namespace ccp::cli
