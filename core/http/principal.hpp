// Who asks: the outcome of authentication, as values. The http floor knows the shape, the features
// fill it (docs/ARCHITECTURE.md, life of a request).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ccp::http {

enum class PrincipalKind { anonymous, session, access_token, api_key, operator_key };

struct Principal {
  PrincipalKind kind = PrincipalKind::anonymous;
  std::string org;      ///< org_…; empty for a session without an org and for operators
  std::string user;     ///< usr_…
  std::string seat;     ///< seat_…
  std::string device;   ///< dev_… (the token's sid names it)
  std::string sid;      ///< session id: of the browser session or of the device grant
  std::string jkt;      ///< thumbprint of the device key (access token)
  std::string role;     ///< owner, admin, member, viewer; empty for keys
  std::string email;
  std::string api_key;  ///< key_… when kind is api_key
  std::int64_t license_version = 0;
  std::vector<std::string> scopes;

  bool hasScope(std::string_view scope) const {
    return std::find(scopes.begin(), scopes.end(), scope) != scopes.end();
  }
  bool isOrgAdmin() const { return role == "owner" || role == "admin"; }
  bool isOperator() const { return kind == PrincipalKind::operator_key; }
  /// For audit rows: "user:usr_…", "key:key_…", "operator", "anonymous".
  std::string actor() const {
    switch (kind) {
      case PrincipalKind::session:
      case PrincipalKind::access_token: return "user:" + user;
      case PrincipalKind::api_key: return "key:" + api_key;
      case PrincipalKind::operator_key: return "operator";
      case PrincipalKind::anonymous: break;
    }
    return "anonymous";
  }
};

}  // namespace ccp::http
