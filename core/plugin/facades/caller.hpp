// One plugin instance as a facade calls it: JSON in, JSON out, by operation name. The registry
// implements it over the instance's slot; tests implement it over nothing.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/plugin/facades/billing_provider.hpp"
#include "core/plugin/facades/call_context.hpp"
#include "core/plugin/facades/exporter.hpp"
#include "core/plugin/facades/identity_provider.hpp"

namespace ccp::plugin {

class Caller {
 public:
  virtual ~Caller() = default;
  virtual const std::string& instance() const = 0;
  /// `operation` is the slot's name in the interface's table: "create_checkout".
  virtual Result<Json> call(std::string_view operation, const CallContext& ctx, const Json& in) = 0;
  /// The same operation with several inputs (JSON), in any order, on the same instance: an answer
  /// for each. The context's deadline is for all of them together.
  virtual std::vector<Result<Json>> callEach(std::string_view operation, const CallContext& ctx, std::vector<std::string> inputs) = 0;
};

std::shared_ptr<BillingProvider> makeBillingProvider(std::shared_ptr<Caller> caller);
std::shared_ptr<IdentityProvider> makeIdentityProvider(std::shared_ptr<Caller> caller);
std::shared_ptr<Exporter> makeExporter(std::shared_ptr<Caller> caller);

}  // namespace ccp::plugin
