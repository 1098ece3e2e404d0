// HTTP of licensing: status, packs, introspection, and the documents that verifiers read.
#pragma once

#include <string_view>

#include "core/config/settings.hpp"
#include "core/http/router.hpp"
#include "core/licensing/introspection.hpp"
#include "core/licensing/keys.hpp"
#include "core/licensing/packs.hpp"

namespace ccp::licensing {

inline constexpr const char* kIssuePath = "/v1/license/issue";
inline constexpr const char* kRefreshPath = "/v1/license/refresh";

/// True for the calls of this feature whose DPoP proofs are remembered in the store (product.md,
/// Credentials); /oauth/token sees to itself.
inline bool remembersProofsDurably(std::string_view path) { return path == kIssuePath || path == kRefreshPath; }

/// The references must outlive the router.
void addRoutes(http::Router& router, Packs& packs, KeyService& keys, Introspection& introspection, const config::Settings& settings);

}  // namespace ccp::licensing
