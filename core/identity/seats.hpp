// Seats as owners and admins manage them, and how an invited person takes one: by an address that signs in,
// or by a one-time code that the inviter passes on. Codes are stored as hashes. Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/base/random.hpp"
#include "core/base/time.hpp"
#include "core/config/settings.hpp"
#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/identity/attempt_limiter.hpp"
#include "core/identity/directory.hpp"
#include "core/net/mailer.hpp"

namespace ccp::identity {

/// Life of an invitation's link; the invitation itself stays until it is claimed or revoked.
inline constexpr Duration kInvitationLife = hours(24 * 14);

class Seats {
 public:
  Seats(db::Db& db, const Clock& clock, Random& random, const config::Settings& settings, StoredDirectory& directory, net::Mailer& mailer)
      : db_(db), clock_(clock), random_(random), settings_(settings), directory_(directory), mailer_(mailer), limiter_(db, clock) {}

  struct Entry {
    Seat seat;
    bool over_limit = false;
  };
  struct Page {
    std::vector<Entry> seats;
    std::int64_t paid = 0, used = 0, over = 0, viewers = 0;
    std::string next_cursor;  ///< empty: the end
  };
  /// Not revoked ones, for owners and admins (`forbidden`).
  Result<Page> list(const http::Principal& who, const std::string& cursor, int limit);

  struct Wanted {
    std::string email;
    std::string github;
    std::string role = "member";
  };
  struct Invited {
    Seat seat;
    std::string url;       ///< of the one-time link; shown once
    bool mailed = false;   ///< the link is on its way to the address
  };
  /// `forbidden`, `validation_failed`, `already_exists`, `plan_required`, `rate_limited`.
  Result<Invited> invite(const http::Principal& who, const Wanted& wanted);
  /// Another link; the one before ends. `conflict` when the seat is claimed already.
  Result<Invited> resend(const http::Principal& who, const std::string& seat_id);
  /// Takes the seat away, logs its devices out and ends the membership of anybody but an owner.
  Status revoke(const http::Principal& who, const std::string& seat_id);

  /// What the claim page shows.
  struct Offer {
    std::string org_name;
    std::string role;
    std::string github;   ///< empty: an invitation by address
    bool joined = false;  ///< this person has claimed it with this code
  };
  /// `code_invalid` (counted) for an unknown, used, expired or revoked code, `rate_limited`.
  Result<Offer> offer(const http::Principal& who, const std::string& code, const std::string& address);
  /// `code_invalid`, `forbidden` for another address, `already_exists`. Claiming again changes nothing.
  Result<Seat> claim(const http::Principal& who, const std::string& code, const std::string& address);

 private:
  /// The seat of a code that this person may claim, or has claimed.
  Result<Seat> seatOfCode(db::Tx& tx, const std::string& code, const std::string& user);
  Status wrongCode(const http::Principal& who, const std::string& address);
  Result<Invited> linked(Seat seat, const std::string& code, const std::string& org_name);

  db::Db& db_;
  const Clock& clock_;
  Random& random_;
  const config::Settings& settings_;
  StoredDirectory& directory_;
  net::Mailer& mailer_;
  AttemptLimiter limiter_;
};

}  // namespace ccp::identity
