#include "policy/runtime/stage.hpp"

namespace ccp::policy {

const char* toString(Stage stage) noexcept {
  switch (stage) {
    case Stage::fetched: return "fetched";
    case Stage::verified: return "verified";
    case Stage::compiled: return "compiled";
    case Stage::linted: return "linted";
    case Stage::self_tested: return "self_tested";
    case Stage::shadowed: return "shadowed";
    case Stage::active: return "active";
  }
  return "active";
}

}  // namespace ccp::policy
