#include "core/plugin/facades/identity_provider.hpp"

#include "core/plugin/facades/caller.hpp"

namespace ccp::plugin {
namespace {

tl::unexpected<Error> malformed(const char* what) { return fail(Errc::plugin_failed, std::string("The identity plugin answered without ") + what + "."); }

class Facade final : public IdentityProvider {
 public:
  explicit Facade(std::shared_ptr<Caller> caller) : caller_(std::move(caller)) {}

  const std::string& instance() const override { return caller_->instance(); }
  Result<Json> describe(const CallContext& ctx) override { return caller_->call("describe", ctx, Json::object()); }

  Result<DeviceBegin> beginDevice(const CallContext& ctx, const std::string& client_id, const std::string& scope) override {
    CCP_TRY(auto answer, caller_->call("begin", ctx, Json::object({{"client_id", client_id}, {"scope", scope}})));
    DeviceBegin out{answer.strOr("user_code"), answer.strOr("device_code"), answer.intOr("expires_in_s", 900), answer.intOr("interval_s", 5), answer["state"]};
    if (out.user_code.empty() || out.device_code.empty() || !out.state.isObject()) return malformed("codes or state");
    return out;
  }

  Result<DevicePoll> pollDevice(const CallContext& ctx, const Json& state, const std::string& decision, std::int64_t now_us) override {
    CCP_TRY(auto answer, caller_->call("poll", ctx, Json::object({{"state", state}, {"decision", decision}, {"now_us", static_cast<long long>(now_us)}})));
    DevicePoll out{answer.strOr("status"), answer.intOr("interval_s", 5), answer["state"]};
    for (const auto* known : {"pending", "slow_down", "done", "denied", "expired"}) {
      if (out.status == known) return out;
    }
    return malformed("a known status");
  }

 private:
  std::shared_ptr<Caller> caller_;
};

}  // namespace

std::shared_ptr<IdentityProvider> makeIdentityProvider(std::shared_ptr<Caller> caller) {
  return std::make_shared<Facade>(std::move(caller));
}

}  // namespace ccp::plugin
