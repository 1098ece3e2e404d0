#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {

SecretsService::SecretsService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  table_ = {sizeof table_, 0, this, [](const ccp_secrets_v1* t, const ccp_call*, ccp_str id, const ccp_sink* out) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<SecretsService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_SECRETS_ID)) return CCP_RC_PERMISSION_DENIED;
                const auto secret = readSecret(self.host_, self.grants_, viewOf(id), "value");
                if (!secret) return rcFromError(secret.error());
                log::info("plugin_secret_read", {{"instance", self.grants_.name}, {"id", viewOf(id)}});
                return writeTo(out, secret->text());
              });
            }};
}

}  // namespace ccp::plugin
