// What the routes of billing have in common. Pure.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "core/billing/checkouts.hpp"
#include "core/http/router.hpp"

namespace ccp::billing {

inline plugin::CallContext contextOf(const http::Request& request) {
  plugin::CallContext out;
  out.deadline = request.deadline;
  out.request_id = request.request_id;
  out.tenant = request.principal.org;
  return out;
}

inline Buyer buyerOf(const http::Principal& principal) {
  return {principal.org, principal.user, principal.actor()};
}

inline Status requireScope(const http::Principal& principal) {
  if (principal.hasScope("billing")) return {};
  return fail(Errc::forbidden, "The credential lacks the scope \"billing\".");
}

inline Status refuseUnknown(const Json& body, std::initializer_list<std::string_view> known) {
  Error error{Errc::validation_failed, "The body has fields that this call does not know."};
  for (const auto& [name, value] : body.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      error.fields.push_back({"/" + name, "unknown"});
  }
  if (error.fields.empty()) return {};
  return fail(std::move(error));
}

}  // namespace ccp::billing
