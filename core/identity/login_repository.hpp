// SQL of what exists before an organization is chosen: requests to sign in, browser sessions, device
// grants, attempt counters, replayed proofs. All rows are keyed by hashes of secrets; units of work
// run in Scope::system(). Threads: as its Tx.
#pragma once

#include <optional>
#include <string>

#include "core/db/db.hpp"

namespace ccp::identity {

struct LoginRequest {
  std::string link_hash;
  std::string browser_hash;
  std::string code_hash;
  std::string email;
  std::int64_t wrong_attempts = 0;
  Timestamp created_at;
  Timestamp expires_at;
  bool consumed = false;
  std::string invite_hash = {};  ///< of the invitation's code that the sign-in leads to; may be empty
};

struct BrowserSession {
  std::string id;  ///< ses_…
  std::string user;
  std::string org;  ///< chosen one; may be empty
  std::string address;
  Timestamp created_at;
  Timestamp last_seen_at;
};

struct DeviceGrant {
  std::string hash;
  std::string user_code;
  std::string client_id;
  std::string scope;
  std::string hostname;
  std::string address;
  Json state;
  std::string status;    ///< open, consumed, closed
  std::string decision;  ///< "", approved, denied
  std::string jkt;
  std::string org;
  std::string user;
  std::int64_t version = 1;
  Timestamp created_at;
  Timestamp expires_at;
};

class LoginRepository {
 public:
  explicit LoginRepository(db::Tx& tx) : tx_(tx) {}

  void insertRequest(const LoginRequest& request);
  std::optional<LoginRequest> requestByLink(const std::string& link_hash);
  /// The newest one of the browser.
  std::optional<LoginRequest> requestOfBrowser(const std::string& browser_hash);
  /// False when it was consumed before.
  bool consumeRequest(const std::string& link_hash);
  void countWrongCode(const std::string& link_hash);

  void insertSession(const std::string& hash, const BrowserSession& session);
  std::optional<BrowserSession> session(const std::string& hash);
  void touchSession(const std::string& hash);
  void chooseOrg(const std::string& hash, const std::string& org);
  void deleteSession(const std::string& hash);

  /// False when an open grant has this user_code.
  bool insertGrant(const DeviceGrant& grant);
  std::optional<DeviceGrant> grant(const std::string& hash);
  std::optional<DeviceGrant> openGrantByCode(const std::string& user_code);
  /// Stores `grant` when its version is still the stored one and it is open; false otherwise.
  bool updateGrant(const DeviceGrant& grant);

  /// Adds one attempt and returns how many there are in the window, this one included.
  std::int64_t countAttempt(const std::string& bucket, Timestamp window_at);
  std::int64_t attempts(const std::string& bucket, Timestamp window_at);

  bool rememberProof(const std::string& hash, Timestamp expires_at);

  /// Deletes what nobody can use any more.
  void sweep(Timestamp now);

 private:
  db::Tx& tx_;
};

}  // namespace ccp::identity
