#include "policy/distribution/verified_set.hpp"

namespace ccp::policy {

const char* toString(Origin origin) noexcept {
  switch (origin) {
    case Origin::builtin: return "builtin";
    case Origin::server: return "server";
    case Origin::cache: return "cache";
    case Origin::bootstrap: return "bootstrap";
  }
  return "builtin";
}

}  // namespace ccp::policy
