// The policies of this machine: which roots are pinned, what the cache proves without the server, and
// bringing it up to date through the same stages as a server. Many processes share one folder; one of them
// asks the server at a time. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "cli/support/policy_remote.hpp"
#include "policy/distribution/verified_set.hpp"
#include "policy/runtime/stage.hpp"

namespace ccp::cli {

/// What is known of a server's policies on this machine (<config>/policy.json).
struct PolicyAccount {
  std::string server;
  std::string org;      ///< id of the organization that is logged in
  policy::Channel channel = policy::Channel::dev;  ///< that the server enforces
  bool dev = false;     ///< the server is in dev mode: a root that is met is pinned
  std::string operator_pin, org_pin;
};
Result<PolicyAccount> readPolicyAccount(const Context& context, const std::string& server);
Status savePolicyAccount(const Context& context, const PolicyAccount& account);

/// Asks the server for what is not known yet and pins the roots that it has, as log-in does. Root pins that
/// exist are never replaced.
Outcome<PolicyAccount> learnPolicyAccount(const Context& context, PolicyRemote& remote, bool pin_roots);

/// One set on this machine.
struct LocalSet {
  std::string name;  ///< "operator" or "org"
  std::string org;
  std::string pin;
  std::optional<policy::VerifiedSet> set;
  bool stale = false;
  bool one_person = false;          ///< one person alone can change prod
  policy::Stage stage = policy::Stage::fetched;  ///< reached by the last attempt
  bool changed = false;             ///< by this attempt
  std::optional<policy::Refusal> refusal;
  bool asked = false;               ///< the server was asked by this process
  Json json(Timestamp now) const;
};

/// `remote` null: from the cache alone. `wait` > 0: for news, of this set or of another one that is followed.
/// While another process asks the server, its result is read from the cache.
LocalSet updateSet(const Context& context, const PolicyAccount& account, const std::string& org, policy::Channel channel, PolicyRemote* remote,
                   Duration wait = {});

}  // namespace ccp::cli
