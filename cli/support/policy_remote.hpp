// The policy API of the server: the organization's with its log-in, the operator's set with the operator
// key. Also where a client's documents come from: bytes without trust. One thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "cli/support/server.hpp"
#include "policy/distribution/source.hpp"

namespace ccp::cli {

class PolicyRemote final : public policy::Source {
 public:
  /// With the operator key when `operator_key` names one, or when `as_operator` is set (then from
  /// CCP_OPERATOR_KEY); else as the organization that is logged in.
  static Outcome<std::unique_ptr<PolicyRemote>> open(const Context& context, const std::string& operator_key, bool as_operator = false);

  bool isOperator() const noexcept { return operator_; }
  /// Address of the server.
  const std::string& server() const noexcept { return address_; }
  /// `path` below the policy API: "push". `text` is sent as it is.
  Outcome<Json> post(const std::string& path, const std::string& text);
  Outcome<Json> get(const std::string& path);

  Result<std::optional<std::string>> root(const std::string& org, std::int64_t version, Deadline deadline) override;
  Result<std::optional<std::string>> channel(const std::string& org, policy::Channel channel, const std::string& etag, Duration wait) override;
  Result<std::string> pack(const std::string& org, const std::string& sha256, std::size_t max_bytes, Deadline deadline) override;

 private:
  explicit PolicyRemote(const Context& context);
  Outcome<Answer> exchange(const std::string& method, const std::string& path, const std::optional<std::string>& text,
                           const std::vector<std::pair<std::string, std::string>>& headers = {});
  /// A document of at most `max_bytes`, within what is left of the deadline.
  Result<Answer> fetch(const std::string& path, const std::string& org, std::size_t max_bytes, Deadline deadline,
                       const std::vector<std::pair<std::string, std::string>>& headers = {});

  Context context_;  ///< patient: a long poll takes its time
  std::string operator_key_;
  bool operator_ = false;
  std::string address_;
  std::optional<Server> session_;
};

}  // namespace ccp::cli
