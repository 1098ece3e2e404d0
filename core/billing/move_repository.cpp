#include "core/billing/move_repository.hpp"

namespace ccp::billing {

namespace {

constexpr const char* kUnderWay = "state <> 'done' and state <> 'cancelled' and state <> 'failed'";

std::vector<Move> moves(db::Tx& tx, const std::string& where, const db::Binds& binds) {
  std::vector<Move> out;
  for (auto& [org, id, from, to, subscription, price, quantity, state, first_charge, attempt,
              checkout, provider_subscription, url, error, actor, next_step, created] :
       tx.query<std::string, std::string, std::string, std::string, std::string, std::string,
                std::int64_t, std::string, Timestamp, std::int64_t, std::string, std::string,
                std::string, std::string, std::string, Timestamp, Timestamp>(
           "select org_id, id, from_instance, to_instance, subscription_id, price_id, quantity, "
           "state, first_charge_at, attempt, checkout_id, provider_subscription_id, url, error, "
           "actor, next_step_at, created_at from billing_moves " +
               where,
           binds)) {
    Move move;
    move.org = std::move(org);
    move.id = std::move(id);
    move.from_instance = std::move(from);
    move.to_instance = std::move(to);
    move.subscription = std::move(subscription);
    move.price = std::move(price);
    move.quantity = quantity;
    move.state = moveStateFrom(state);
    move.first_charge_at = first_charge;
    move.attempt = attempt;
    move.checkout = std::move(checkout);
    move.provider_subscription_id = std::move(provider_subscription);
    move.url = std::move(url);
    move.error = std::move(error);
    move.actor = std::move(actor);
    move.next_step_at = next_step;
    move.created_at = created;
    out.push_back(std::move(move));
  }
  return out;
}

std::optional<Move> first(std::vector<Move> rows) {
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

bool MoveRepository::add(db::Tx& tx, const Move& move) {
  return tx.exec(
             "insert into billing_moves (org_id, id, from_instance, to_instance, subscription_id, "
             "price_id, quantity, state, first_charge_at, attempt, checkout_id, "
             "provider_subscription_id, url, error, actor, next_step_at, created_at, updated_at) "
             "values (:org, :id, :from, :to, :subscription, :price, :quantity, :state, :charge, "
             ":attempt, '', '', '', '', :actor, :next, :now, :now) on conflict do nothing",
             {{"org", move.org},
              {"id", move.id},
              {"from", move.from_instance},
              {"to", move.to_instance},
              {"subscription", move.subscription},
              {"price", move.price},
              {"quantity", move.quantity},
              {"state", toString(move.state)},
              {"charge", move.first_charge_at},
              {"attempt", move.attempt},
              {"actor", move.actor},
              {"next", move.next_step_at},
              {"now", tx.now()}}) == 1;
}

bool MoveRepository::update(db::Tx& tx, const Move& seen, const Move& next) {
  return tx.exec(
             "update billing_moves set state = :state, quantity = :quantity, first_charge_at = "
             ":charge, attempt = :attempt, checkout_id = :checkout, provider_subscription_id = "
             ":provider, url = :url, error = :error, next_step_at = :next, updated_at = :now where "
             "org_id = :org and id = :id and state = :seen and attempt = :seen_attempt",
             {{"state", toString(next.state)},
              {"quantity", next.quantity},
              {"charge", next.first_charge_at},
              {"attempt", next.attempt},
              {"checkout", next.checkout},
              {"provider", next.provider_subscription_id},
              {"url", next.url},
              {"error", next.error},
              {"next", next.next_step_at},
              {"now", tx.now()},
              {"org", seen.org},
              {"id", seen.id},
              {"seen", toString(seen.state)},
              {"seen_attempt", seen.attempt}}) == 1;
}

std::optional<Move> MoveRepository::find(db::Tx& tx, const std::string& org,
                                         const std::string& id) {
  return first(moves(tx, "where org_id = :org and id = :id", {{"org", org}, {"id", id}}));
}

std::optional<Move> MoveRepository::newest(db::Tx& tx, const std::string& org) {
  return first(moves(tx, "where org_id = :org order by created_at desc, id desc limit 1",
                     {{"org", org}}));
}

std::vector<Move> MoveRepository::due(db::Tx& tx, Timestamp now, int limit) {
  return moves(tx,
               std::string("where ") + kUnderWay +
                   " and next_step_at <= :now order by next_step_at, id limit :n",
               {{"now", now}, {"n", limit}});
}

void MoveRepository::wake(db::Tx& tx, const std::string& org) {
  tx.exec(std::string("update billing_moves set next_step_at = :now where org_id = :org and ") +
              kUnderWay + " and next_step_at > :now",
          {{"now", tx.now()}, {"org", org}});
}

std::vector<std::pair<std::string, std::int64_t>> MoveRepository::underWayTo(db::Tx& tx) {
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (auto& [instance, count] : tx.query<std::string, std::int64_t>(
           std::string("select to_instance, cast(count(*) as bigint) from billing_moves where ") +
           kUnderWay + " group by to_instance order by to_instance"))
    out.emplace_back(std::move(instance), count);
  return out;
}

std::vector<Move> MoveRepository::list(db::Tx& tx, Timestamp since, int limit) {
  return moves(tx,
               std::string("where (") + kUnderWay +
                   ") or (state = 'failed' and updated_at > :since) order by created_at desc, id "
                   "desc limit :n",
               {{"since", since}, {"n", limit}});
}

}  // namespace ccp::billing
