// Sign-in by e-mail: a link or a short code, single use, for the browser that asked. What a caller
// sees never depends on whether an address is known. Threads: thread-safe.
#pragma once

#include <string>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/identity/attempt_limiter.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/login_repository.hpp"
#include "core/identity/sessions.hpp"
#include "core/net/mailer.hpp"

namespace ccp::identity {

/// Where a sign-in comes from. `browser` is the secret of the pre-session cookie.
struct LoginContext {
  std::string browser;
  std::string address;
  std::string old_session;  ///< session cookie at hand, may be empty: it ends
};

class LoginService {
 public:
  LoginService(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, StoredDirectory& directory,
               Sessions& sessions, net::Mailer& mailer)
      : db_(db), clock_(clock), random_(random), settings_(settings), directory_(directory), sessions_(sessions), mailer_(mailer),
        limiter_(db, clock) {}

  /// Sends link and code when the address may sign in. `validation_failed` when it is none,
  /// `rate_limited`; otherwise success, for known and unknown addresses alike.
  Status ask(const std::string& email, const std::string& next, const LoginContext& context);
  /// Address of the newest request of this browser, for "we have sent a mail to …".
  Result<std::string> askedFor(const std::string& browser);
  /// The session cookie's value. `code_invalid` for anything but a right, unused, unexpired code or
  /// link of this browser; `rate_limited`.
  Result<std::string> enterCode(const std::string& code, const LoginContext& context);
  Result<std::string> followLink(const std::string& token, const LoginContext& context);
  /// Dev mode only: signs demo@localhost in by the same path as a mailed code.
  Result<std::string> demo(const LoginContext& context);

 private:
  struct Secrets {
    std::string link;
    std::string code;
  };
  Result<Secrets> store(const std::string& email, const std::string& next, const LoginContext& context, bool& admitted);
  Result<std::string> finish(db::Tx& tx, const LoginRequest& request, const LoginContext& context);
  bool signupOpen() const { return settings_.signup == "open"; }

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  StoredDirectory& directory_;
  Sessions& sessions_;
  net::Mailer& mailer_;
  AttemptLimiter limiter_;
};

}  // namespace ccp::identity
