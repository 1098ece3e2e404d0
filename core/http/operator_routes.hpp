// What every route of the operator API has in common: the operator key, JSON, small bodies. Pure.
#pragma once

#include "core/http/router.hpp"

namespace ccp::http {

inline RouteOptions operatorOnly(const char* summary) {
  RouteOptions options;
  options.auth = Auth::operator_key;
  options.content_types = {"application/json"};
  options.max_body = 16 << 10;
  options.summary = summary;
  return options;
}

}  // namespace ccp::http
