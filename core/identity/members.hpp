// Members of an organization: who they are, their roles, and how they leave. Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/http/principal.hpp"
#include "core/identity/directory.hpp"
#include "core/identity/seat_rules.hpp"

namespace ccp::identity {

class Members {
 public:
  Members(db::Db& db, StoredDirectory& directory) : db_(db), directory_(directory) {}

  struct Page {
    std::vector<Repository::Member> members;
    std::string next_cursor;  ///< empty: the end
  };
  /// For members who are more than viewers (`forbidden`).
  Result<Page> list(const http::Principal& who, const std::string& cursor, int limit);
  /// `not_found`, `forbidden`, `last_owner`, `plan_required`, `validation_failed`.
  Result<Repository::Member> setRole(const http::Principal& who, const std::string& user_id, const std::string& role);
  /// Ends the membership and its seat; anybody may go by themselves, but for the last owner.
  Status remove(const http::Principal& who, const std::string& user_id);

 private:
  struct Case {
    std::string actor_role;
    Membership member;
    MemberFacts facts;
  };
  Result<Case> open(db::Tx& tx, const http::Principal& who, const std::string& user_id);

  db::Db& db_;
  StoredDirectory& directory_;
};

}  // namespace ccp::identity
