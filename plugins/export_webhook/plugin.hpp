// ccp.export-webhook: the operations of ccp.exporter/1 as Standard Webhooks, one POST per record in their
// order. Operations run on several threads at once and keep nothing between calls.
#pragma once

#include <string>
#include <vector>

#include "ccp/exporter.hpp"

namespace webhook_export {

class Plugin {
 public:
  using Provides = ccp::Provides<ccp::Exporter>;

  explicit Plugin(ccp::Host& host) : dev_mode_(host.devMode()) {}
  void configure(ccp::Call& call, const ccp::json& config);

  ccp::json open(ccp::Call& call, const ccp::json& in);
  ccp::json writeBatch(ccp::Call& call, const ccp::json& in);
  ccp::json flush(ccp::Call& call, const ccp::json& in);
  ccp::json close(ccp::Call& call, const ccp::json& in);

 private:
  /// Returns when the receiver has the record; throws what it answered.
  void post(ccp::Call& call, const ccp::json& record) const;
  std::string sign(ccp::Call& call, const std::string& content) const;
  bool timeForAnother(const ccp::Call& call) const;

  bool dev_mode_;
  std::string url_;
  std::vector<std::string> secrets_;       ///< ids
  std::vector<std::string> ed25519_keys_;  ///< ids
  std::vector<std::string> streams_;
  std::vector<std::string> types_;
  std::int64_t timeout_ms_ = 10'000;
};

}  // namespace webhook_export
