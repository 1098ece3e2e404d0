// The server as a logged-in command sees it: discovery, tokens bound to the device key, API calls
// with DPoP proofs; renews the access token when it is due or refused.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/support/context.hpp"
#include "cli/support/failure.hpp"
#include "cli/support/profile.hpp"

namespace ccp::cli {

struct Answer {
  int status = 0;
  std::string content_type;
  std::string body;
  Json json;              ///< null when the body is no JSON
  int retry_after_s = 0;  ///< of Retry-After, 0 when there is none
};

/// problem+json or an OAuth error as an Error with the server's code; `unreachable` for what is
/// neither.
Error errorFrom(const Answer& answer);

/// One HTTP exchange without credentials.
Result<Answer> plainRequest(const Context& context, const std::string& method,
                            const std::string& url, const std::string& body = {},
                            const std::vector<std::pair<std::string, std::string>>& headers = {});

struct Endpoints {
  std::string issuer, device_authorization, token, revocation;
  /// Reads /.well-known/oauth-authorization-server; `unreachable`, or `validation_failed` when the
  /// issuer is not the address that was asked (RFC 8414, section 3.3).
  static Result<Endpoints> discover(const Context& context, const std::string& server);
};

/// POST form to the token endpoint with a proof of the device key.
Result<Json> tokenRequest(const Context& context, const crypto::SigningKey& key,
                          const std::string& token_endpoint,
                          const std::vector<std::pair<std::string, std::string>>& form);

class Server {
 public:
  /// `not_logged_in`; `usage_error` when --server names another one than the login.
  static Result<Server> connect(const Context& context);

  const Session& session() const noexcept { return session_; }
  const crypto::SigningKey& key() const noexcept { return key_; }
  /// A call with token and proof. A refused or expired token is renewed once. Statuses of 400 and
  /// more come back as errors.
  Result<Json> call(const std::string& method, const std::string& path,
                    const std::optional<Json>& body = std::nullopt,
                    const std::vector<std::pair<std::string, std::string>>& headers = {});
  /// The same with the exact text of a JSON body, and whatever the server answers.
  Result<Answer> exchange(const std::string& method, const std::string& path,
                          const std::optional<std::string>& text,
                          const std::vector<std::pair<std::string, std::string>>& headers = {});

 private:
  Server(const Context& context, Session session, crypto::SigningKey key)
      : context_(context), session_(std::move(session)), key_(std::move(key)) {}
  Status refresh();
  Result<Answer> once(const std::string& method, const std::string& path,
                      const std::optional<std::string>& text,
                      const std::vector<std::pair<std::string, std::string>>& headers);

  const Context& context_;
  Session session_;
  crypto::SigningKey key_;
};

/// "https://host" of what a person typed: scheme added, trailing slash cut; `usage_error`.
Result<std::string> serverAddress(const std::string& text);

}  // namespace ccp::cli
