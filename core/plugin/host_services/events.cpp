#include <algorithm>

#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {

EventsService::EventsService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  table_ = {sizeof table_, 0, this, [](const ccp_events_v1* t, const ccp_call*, ccp_str event) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<EventsService*>(t->ctx);
                const CallFrame* frame = callerOrReport(self.grants_, CCP_EVENTS_ID);
                if (!frame) return CCP_RC_PERMISSION_DENIED;
                const Status done = self.append(*frame, viewOf(event));
                return done ? CCP_RC_OK : rcFromError(done.error());
              });
            }};
}

Status EventsService::append(const CallFrame& frame, std::string_view text) {
  CCP_TRY(const Json event, parseJson(text, {64 * 1024, 16}));
  CCP_TRY(const std::string type, event.str("type"));
  CCP_TRY(const std::string subject, event.str("subject"));
  const auto& allowed = grants_.manifest.permissions.events;
  if (std::find(allowed.begin(), allowed.end(), type) == allowed.end()) {
    return fail(Errc::forbidden, "Plugin " + grants_.manifest.id + " may not append events of type " + type.substr(0, 100) + ".");
  }
  const std::string& tenant = frame.context().tenant;
  const auto scope = tenant.empty() ? db::Scope::system() : db::Scope::org(tenant);
  return host_.db.write(scope, [&](db::Tx& tx) -> Status {
    tx.emit({type, tenant, subject, event["data"]});
    return {};
  });
}

}  // namespace ccp::plugin
