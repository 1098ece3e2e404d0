// SQL of moves. Every call runs inside the caller's unit of work.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/billing/move_rules.hpp"
#include "core/db/db.hpp"

namespace ccp::billing {

class MoveRepository {
 public:
  /// False when the org has a move under way.
  bool add(db::Tx& tx, const Move& move);
  /// False when it is over or has been changed by somebody else since `seen` was read.
  bool update(db::Tx& tx, const Move& seen, const Move& next);
  std::optional<Move> find(db::Tx& tx, const std::string& org, const std::string& id);
  /// The newest of an org, whatever its state.
  std::optional<Move> newest(db::Tx& tx, const std::string& org);
  /// Under way and due, longest waiting first.
  std::vector<Move> due(db::Tx& tx, Timestamp now, int limit);
  /// The org's subscriptions have changed: look at its move at once.
  void wake(db::Tx& tx, const std::string& org);
  /// How many are under way to each instance: the old one's subscription counts there already.
  std::vector<std::pair<std::string, std::int64_t>> underWayTo(db::Tx& tx);
  /// Under way, and those that failed after `since`; newest first.
  std::vector<Move> list(db::Tx& tx, Timestamp since, int limit);
};

}  // namespace ccp::billing
