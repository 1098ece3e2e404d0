// Browser sessions: the cookie, its row, and the principal that it stands for.
// Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/http/message.hpp"
#include "core/identity/service.hpp"

namespace ccp::identity {

/// Names and attributes of the cookies, which depend on https: browsers take `__Host-` with Secure only.
class Cookies {
 public:
  explicit Cookies(const config::Settings& settings) : https_(settings.server.public_url.rfind("https://", 0) == 0) {}
  std::string_view session() const noexcept;
  /// The secret of a browser that is about to sign in; binds links and codes to it.
  std::string_view browser() const noexcept;
  std::string set(std::string_view name, const std::string& value, Duration max_age) const;
  std::string clear(std::string_view name) const;

 private:
  bool https_;
};

class Sessions {
 public:
  Sessions(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings)
      : db_(db), clock_(clock), random_(random), cookies_(settings) {}

  /// A new session of the user inside the caller's unit of work; returns the cookie's value, which is
  /// stored nowhere. `old_cookie` (may be empty) ends: a session id never survives a log-in.
  std::string start(db::Tx& tx, const std::string& user_id, const std::string& address, const std::string& old_cookie);
  /// Who this browser is; `unauthenticated` without a living session. The organization is the chosen
  /// one, or the first that the user is a member of; its role is looked up now.
  Result<http::Principal> authenticate(const http::Request& request);
  Status end(const std::string& cookie);
  /// Organizations that the session's user may act for.
  Result<std::vector<Membership>> organizations(const http::Request& request);
  /// `not_found` unless the session's user is a member.
  Status chooseOrg(const http::Request& request, const std::string& org_id);
  const Cookies& cookies() const noexcept { return cookies_; }
  /// The form token of this request's session.
  std::string csrf(const http::Request& request) const;
  Status checkCsrf(const http::Request& request, const http::Params& form) const;

 private:
  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  Cookies cookies_;
};

}  // namespace ccp::identity
