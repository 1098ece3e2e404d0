// Holds what a billing plugin gets and gives against sdk/schemas/ccp.billing.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "ccp/abi/billing.h"
#include "ccp/json.hpp"
#include "tests/support/schema_check.hpp"

namespace ccp::test {

inline const char* operationName(ccp_op ccp_billing_v1::*op) {
  using T = ccp_billing_v1;
  if (op == &T::ensure_customer) return "ensure_customer";
  if (op == &T::create_checkout) return "create_checkout";
  if (op == &T::get_checkout) return "get_checkout";
  if (op == &T::create_portal_link) return "create_portal_link";
  if (op == &T::get_subscription) return "get_subscription";
  if (op == &T::list_subscriptions) return "list_subscriptions";
  if (op == &T::change_subscription) return "change_subscription";
  if (op == &T::report_usage) return "report_usage";
  if (op == &T::list_prices) return "list_prices";
  if (op == &T::fetch_event) return "fetch_event";
  if (op == &T::diagnose) return "diagnose";
  if (op == &T::verify_webhook) return "verify_webhook";
  if (op == &T::list_events) return "list_events";
  return "parse_webhook";
}

/// Of a successful call: input and output match the schemas of the operation.
inline void checkShapes(ccp_op ccp_billing_v1::*op, const nlohmann::json& in,
                        const nlohmann::json& out) {
  const std::string base = std::string("sdk/schemas/ccp.billing/") + operationName(op);
  const std::string in_problem = schemaProblem(base + ".in.json", in.dump());
  const std::string out_problem = schemaProblem(base + ".out.json", out.dump());
  CHECK_MESSAGE(in_problem.empty(), in_problem);
  CHECK_MESSAGE(out_problem.empty(), out_problem);
}

}  // namespace ccp::test
