// The query parameter `limit` of lists. Pure.
#pragma once

#include "core/http/message.hpp"

namespace ccp::http {

/// `fallback` when it is absent; `validation_failed` unless it is an integer from 1 to `most`.
Result<int> pageLimit(const Request& request, int fallback, int most);

}  // namespace ccp::http
