#include "core/plugin/host_services/kv_repository.hpp"
#include "core/plugin/host_services/services.hpp"
#include "core/plugin/problem.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxKey = 256;

bool isKey(std::string_view key) noexcept { return !key.empty() && key.size() <= kMaxKey && isValidUtf8(key) && key.find('\0') == std::string_view::npos; }

}  // namespace

KvService::KvService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  table_ = {sizeof table_, 0, this,
            [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, const ccp_sink* out, std::int64_t* version) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<KvService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_KV_ID)) return CCP_RC_PERMISSION_DENIED;
                if (!isKey(viewOf(key))) return CCP_RC_INVALID_ARGUMENT;
                // System scope: the namespace belongs to an instance, not to an organization.
                const auto entry = self.host_.db.read(db::Scope::system(), [&](db::Tx& tx) { return KvRepository(tx, self.grants_.name).find(viewOf(key)); });
                if (!entry) return rcFromError(entry.error());
                if (!*entry) return CCP_RC_NOT_FOUND;
                if (version) *version = (*entry)->version;
                return writeTo(out, (*entry)->value);
              });
            },
            [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, ccp_str value, std::int64_t expected, std::int64_t ttl_ms,
               std::int64_t* version) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<KvService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_KV_ID)) return CCP_RC_PERMISSION_DENIED;
                if (!isKey(viewOf(key)) || expected < CCP_KV_ANY_VERSION || ttl_ms < 0) return CCP_RC_INVALID_ARGUMENT;
                constexpr std::int64_t kYearMs = std::int64_t{366} * 24 * 3600 * 1000;
                std::optional<Timestamp> expires_at;
                if (ttl_ms > 0) expires_at = self.host_.clock.now() + milliseconds(std::min(ttl_ms, kYearMs));
                const auto next = self.host_.db.write(db::Scope::system(), [&](db::Tx& tx) {
                  return KvRepository(tx, self.grants_.name).put(viewOf(key), viewOf(value), expected, expires_at, self.grants_.manifest.permissions.kv_bytes);
                });
                if (!next) return rcFromError(next.error());
                if (version) *version = *next;
                return CCP_RC_OK;
              });
            },
            [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, std::int64_t expected) noexcept -> ccp_rc {
              return serve([&]() -> ccp_rc {
                auto& self = *static_cast<KvService*>(t->ctx);
                if (!callerOrReport(self.grants_, CCP_KV_ID)) return CCP_RC_PERMISSION_DENIED;
                if (!isKey(viewOf(key)) || expected < CCP_KV_ANY_VERSION) return CCP_RC_INVALID_ARGUMENT;
                const auto done = self.host_.db.write(db::Scope::system(), [&](db::Tx& tx) { return KvRepository(tx, self.grants_.name).remove(viewOf(key), expected); });
                return done ? CCP_RC_OK : rcFromError(done.error());
              });
            }};
}

}  // namespace ccp::plugin
