// What every call into a plugin carries: deadline, request id, tenant, stable idempotency key.
#pragma once

#include <string>

#include "core/base/time.hpp"

namespace ccp::plugin {

struct CallContext {
  Deadline deadline = Deadline::none();
  std::string request_id;
  std::string tenant;           ///< org id, may be empty
  std::string idempotency_key;  ///< the same across retries; forwarded to the provider
};

}  // namespace ccp::plugin
