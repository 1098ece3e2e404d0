#include "policy/decision/decision.hpp"

namespace ccp::policy {

const char* toString(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::allow: return "allow";
    case Verdict::deny: return "deny";
    case Verdict::error: return "error";
    case Verdict::timeout: return "timeout";
    case Verdict::memory: return "memory";
    case Verdict::stale: return "stale";
  }
  return "error";
}

}  // namespace ccp::policy
