#include "core/billing/moves.hpp"

#include "core/base/fault.hpp"
#include "core/base/log.hpp"

namespace ccp::billing {

namespace {

constexpr Duration kCallTime = seconds(20);
constexpr int kBatch = 50;
constexpr Duration kRoundTime = seconds(20);
/// A chain of steps that need no waiting, at one go.
constexpr int kMaxSteps = 6;

const SubscriptionSnapshot* snapshotOf(const std::optional<SubscriptionRow>& row) {
  return row && row->effective ? &row->effective->snapshot : nullptr;
}

/// The minute belongs to the key: what is done may be undone and asked for again, and then it is
/// another request. Providers answer a key that they know with what they answered before.
std::string keyOf(const Move& move, const char* what, Timestamp now) {
  return move.id + "/" + what + "/" + std::to_string(toMicros(now) / 60'000'000);
}

}  // namespace

Json describe(const Move& move) {
  return Json::object({{"id", move.id},
                       {"org", move.org},
                       {"from", move.from_instance},
                       {"to", move.to_instance},
                       {"subscription", move.subscription},
                       {"price", move.price},
                       {"quantity", move.quantity},
                       {"state", toString(move.state)},
                       {"first_charge_at", move.first_charge_at == Timestamp{}
                                               ? Json()
                                               : Json(formatRfc3339(move.first_charge_at))},
                       {"checkout", move.checkout},
                       {"url", move.url},
                       {"error", move.error}});
}

Moves::Moves(db::Db& db, Repository& repository, MoveRepository& moves, Checkouts& checkouts,
             Snapshots& snapshots, plugin::BillingProviders& providers,
             const config::LiveSettings& settings, const Clock& clock, Random& random,
             Metrics& metrics)
    : db_(db),
      repository_(repository),
      moves_(moves),
      checkouts_(checkouts),
      snapshots_(snapshots),
      providers_(providers),
      settings_(settings),
      clock_(clock),
      random_(random),
      metrics_(metrics) {}

plugin::CallContext Moves::background(const std::string& org) {
  plugin::CallContext out;
  out.deadline = Deadline::after(clock_, kCallTime);
  out.request_id = newId("req", clock_, random_);
  out.tenant = org;
  return out;
}

// --- what stands --------------------------------------------------------------------------------

Result<MovePlan> Moves::plan(const std::string& org, const std::string& to,
                             const plugin::CallContext& context) {
  const auto settings = settings_.now();
  CCP_TRY(const auto target, providers_.find(to));
  struct Standing {
    std::vector<SubscriptionRow> live;
    std::optional<Move> newest;
  };
  CCP_TRY(const auto standing, db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<Standing> {
    Standing out;
    for (auto& row : repository_.subscriptionsOf(tx, org)) {
      if (isLive(row.status())) out.live.push_back(std::move(row));
    }
    out.newest = moves_.newest(tx, org);
    return out;
  }));
  if (standing.newest && !isOver(standing.newest->state)) {
    return fail(Errc::conflict, "The organization is on its way to " +
                                    standing.newest->to_instance + " already (" +
                                    toString(standing.newest->state) +
                                    "); cancel that first, or wait for it.");
  }
  if (standing.live.empty())
    return fail(Errc::conflict,
                "The organization has no running subscription: there is nothing to move.");
  if (standing.live.size() > 1)
    return fail(Errc::conflict,
                "The organization has " + std::to_string(standing.live.size()) +
                    " running subscriptions; end the one that is not wanted, then move the other.");
  const SubscriptionRow& source = standing.live.front();
  if (source.instance == to)
    return fail(Errc::conflict, "The organization already pays through " + to + ".");
  const auto ref = settings->plans.findPrice(source.grant.price);
  if (!ref.price)
    return fail(Errc::validation_failed, "Price " + source.grant.price +
                                             " of the running subscription is not in the plan "
                                             "catalog any more; put it back first.");
  const auto mapping = ref.price->providers.find(to);
  if (mapping == ref.price->providers.end())
    return fail(Errc::validation_failed, "Price " + ref.price->id + " is not mapped to " + to +
                                             "; add providers." + to + " to it in the plan catalog.");

  // The provider's word of now: a move must not be planned on an old photograph.
  CCP_TRY(const auto provider, providers_.find(source.instance));
  plugin::CallContext call = context;
  call.tenant = org;
  CCP_TRY(const auto now_there,
          provider->getSubscription(call, source.provider_subscription_id));
  MovePlan out;
  out.plan = source.grant.plan;
  out.source_provider_subscription_id = source.provider_subscription_id;
  out.source_amount_minor = now_there.amount_minor;
  out.source_currency = now_there.currency;
  out.move.org = org;
  out.move.from_instance = source.instance;
  out.move.to_instance = to;
  out.move.subscription = source.id;
  out.move.price = ref.price->id;
  out.move.quantity = ref.price->per == "seat" ? std::max<std::int64_t>(1, now_there.quantity) : 1;
  out.move.first_charge_at = now_there.period_end_at.value_or(Timestamp{});
  MoveFacts facts;
  facts.source = now_there;
  facts.source_blocked = !blockedBy(source.marks, now_there, settings->billing.on_dispute).empty();
  const NextStep next = nextStep(out.move, facts, clock_.now());
  if (next.step == MoveStep::fail)
    return fail(Errc::conflict, "This subscription cannot move: " + next.reason + ".");
  if (next.step == MoveStep::wait) out.opens_at = next.at;

  std::string cursor;
  for (int pages = 0; pages < 50; ++pages) {
    const auto offers = target->listPrices(call, cursor);
    if (!offers) {
      if (offers.error().code == Errc::unimplemented) break;
      return fail(offers.error());
    }
    for (const auto& offer : offers->items) {
      const auto& ids = mapping->second;
      const bool same = ids.price.empty() ? offer.product_id == ids.product
                                          : offer.price_id == ids.price;
      if (!same) continue;
      if (offer.archived)
        out.warnings.push_back(to + " has archived what price " + ref.price->id + " is mapped to");
      out.target_amount_minor = offer.amount_minor;
      out.target_currency = offer.currency;
    }
    cursor = offers->next_cursor;
    if (cursor.empty() || out.target_amount_minor) break;
  }
  if (!out.target_amount_minor)
    out.warnings.push_back(to + " names no amount for what price " + ref.price->id +
                           " is mapped to");
  else if (*out.target_amount_minor != ref.price->amount_minor ||
           out.target_currency != ref.price->currency)
    out.warnings.push_back("the unit costs " + std::to_string(*out.target_amount_minor) + " " +
                           out.target_currency + " (minor units) at " + to + ", the catalog says " +
                           std::to_string(ref.price->amount_minor) + " " + ref.price->currency);
  return out;
}

Result<MoveFacts> Moves::facts(const Move& move, const plugin::CallContext& context, bool ask) {
  MoveFacts out;
  if (ask && !move.checkout.empty()) {
    // Asks the provider while it is open, and applies the new subscription when there is one.
    CCP_TRY(const auto checkout, checkouts_.get(move.org, move.checkout, context));
    out.checkout_state = checkout.state;
    out.target_id = checkout.provider_subscription_id;
  }
  const auto settings = settings_.now();
  return db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<MoveFacts> {
    if (!ask && !move.checkout.empty()) {
      if (const auto checkout = repository_.checkout(tx, move.org, move.checkout)) {
        out.checkout_state = checkout->state;
        out.target_id = checkout->provider_subscription_id;
      }
    }
    const auto source = repository_.subscription(tx, move.org, move.subscription);
    if (const auto* snapshot = snapshotOf(source)) {
      out.source = *snapshot;
      out.source_blocked =
          !blockedBy(source->marks, *snapshot, settings->billing.on_dispute).empty();
    }
    const std::string& id =
        move.provider_subscription_id.empty() ? out.target_id : move.provider_subscription_id;
    if (!id.empty()) {
      const auto target = repository_.subscriptionByProvider(tx, move.to_instance, id);
      if (target && target->org == move.org) out.target = target->status();
    }
    return out;
  });
}

// --- steps --------------------------------------------------------------------------------------

Result<Move> Moves::save(const Move& seen, Move next, const std::string& action) {
  // System scope: subscriptions of the org are counted anew in the same unit of work.
  return db_.write(db::Scope::system(), [&](db::Tx& tx) -> Result<Move> {
    if (!moves_.update(tx, seen, next)) {
      const auto now = moves_.find(tx, seen.org, seen.id);
      if (!now) return fail(Errc::not_found, "The move is gone.");
      return *now;
    }
    if (seen.state != next.state || !action.empty()) {
      tx.audit({next.org, next.actor, action.empty() ? "billing.move" : action, next.id,
                describe(seen), describe(next), next.error});
      tx.emit({"subscription.moved", next.org, next.id, describe(next)});
      CCP_CHECK_OK(snapshots_.recount(tx, next.org, "move"));
    }
    if (next.state == MoveState::failed) {
      tx.afterCommit([this, next] {
        metrics_
            .counter("ccp_billing_alerts_total", "Findings of billing that an operator should see",
                     {{"alert", "move_failed"}, {"instance", next.to_instance}})
            .add();
        log::error("billing.move_failed",
                   {{"org", next.org}, {"move", next.id}, {"detail", next.error}});
      });
    }
    return next;
  });
}

Result<Move> Moves::openCheckout(const Move& move, Timestamp first_charge_at,
                                 const plugin::CallContext& context) {
  Move next = move;
  // A later period, or a checkout that ran out: another key, and the old one is not offered again.
  if (move.state == MoveState::checkout_open) ++next.attempt;
  next.first_charge_at = first_charge_at;
  if (next.attempt != move.attempt) {
    CCP_TRY(const Move saved, save(move, next, "billing.move_again"));
    // Somebody else took a step meanwhile, or an operator cancelled: theirs counts.
    if (saved.state != next.state || saved.attempt != next.attempt) return saved;
    next = saved;
  }
  faultPoint("move.before_checkout");
  CCP_TRY(const auto checkout,
          checkouts_.createForMove({next.org, next.to_instance, next.price, next.quantity,
                                    first_charge_at, next.id + "/" + std::to_string(next.attempt)},
                                   context));
  faultPoint("move.after_checkout");
  Move opened = next;
  opened.state = MoveState::checkout_open;
  opened.checkout = checkout.id;
  opened.url = checkout.url;
  opened.error.clear();
  opened.next_step_at = clock_.now() + kMoveCheckEvery;
  return save(next, opened, "");
}

Result<SubscriptionSnapshot> Moves::change(const std::string& org, const std::string& instance,
                                           const plugin::SubscriptionChange& change,
                                           plugin::CallContext context, const std::string& key) {
  CCP_TRY(const auto provider, providers_.find(instance));
  context.tenant = org;
  context.idempotency_key = key;
  const Timestamp asked_at = clock_.now();
  CCP_TRY(const auto after, provider->changeSubscription(context, change));
  if (after.id != change.subscription_id)
    return fail(Errc::provider_error, "Asked to change subscription " + change.subscription_id +
                                          ", got an answer about " + after.id + ".");
  CCP_CHECK_OK(db_.write(db::Scope::system(), [&](db::Tx& tx) -> Status {
    CCP_TRY([[maybe_unused]] const auto verdict,
            snapshots_.apply(tx, {org, instance}, after, Provenance::answer(asked_at),
                             kKeepDoubts));
    return {};
  }));
  return after;
}

Result<Move> Moves::endSource(const Move& move, const SubscriptionSnapshot& source,
                              const plugin::CallContext& context) {
  faultPoint("move.before_end");
  plugin::SubscriptionChange end;
  end.subscription_id = source.id;
  end.action = "cancel";
  end.at_period_end = true;
  CCP_TRY([[maybe_unused]] const auto after,
          change(move.org, move.from_instance, end, context, keyOf(move, "end", clock_.now())));
  faultPoint("move.after_end");
  Move next = move;
  next.state = MoveState::scheduled;
  next.error.clear();
  next.next_step_at = clock_.now();
  CCP_TRY(const Move saved, save(move, next, ""));
  // An operator cancelled while the old provider was being told: it is to go on after all.
  if (saved.state == MoveState::cancelled) {
    plugin::SubscriptionChange go_on;
    go_on.subscription_id = source.id;
    go_on.action = "uncancel";
    CCP_TRY([[maybe_unused]] const auto undone,
            change(move.org, move.from_instance, go_on, context, keyOf(move, "go_on", clock_.now())));
  }
  return saved;
}

Result<Move> Moves::step(const Move& move, const plugin::CallContext& context) {
  CCP_TRY(const MoveFacts known, facts(move, context));
  const NextStep next = nextStep(move, known, clock_.now());
  Move to = move;
  switch (next.step) {
    case MoveStep::open_checkout:
      return openCheckout(move, next.at, context);
    case MoveStep::end_source:
      return endSource(move, *known.source, context);
    case MoveStep::wait:
      to.next_step_at = next.at;
      to.error = next.reason;
      return save(move, to, "");
    case MoveStep::note_confirmed:
      to.state = MoveState::confirmed;
      to.provider_subscription_id = known.target_id;
      break;
    case MoveStep::note_scheduled:
      to.state = MoveState::scheduled;
      break;
    case MoveStep::finish:
      to.state = MoveState::done;
      break;
    case MoveStep::fail:
      to.state = MoveState::failed;
      to.error = next.reason;
      break;
  }
  to.next_step_at = clock_.now();
  return save(move, to, "");
}

Result<int> Moves::advance(const std::function<bool()>& stop) {
  CCP_TRY(const auto due,
          db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Move>> {
            return moves_.due(tx, tx.now(), kBatch);
          }));
  int looked_at = 0;
  const Deadline budget = Deadline::after(clock_, kRoundTime);
  for (const auto& found : due) {
    // A provider that hangs costs its moves time, not the worker's other duties.
    if (stop() || budget.expired(clock_)) break;
    ++looked_at;
    Move move = found;
    for (int i = 0; i < kMaxSteps && !isOver(move.state) && move.next_step_at <= clock_.now();
         ++i) {
      auto next = step(move, background(move.org));
      if (!next) {
        log::warn("billing.move_postponed",
                  {{"org", move.org}, {"move", move.id}, {"detail", next.error().text()}});
        Move later = move;
        later.error = next.error().text();
        later.next_step_at = clock_.now() + minutes(1);
        (void)save(move, later, "");
        break;
      }
      move = std::move(*next);
    }
  }
  return looked_at;
}

// --- operators ----------------------------------------------------------------------------------

Result<Move> Moves::begin(const std::string& org, const std::string& to, const std::string& actor,
                          const plugin::CallContext& context) {
  CCP_TRY(const MovePlan planned, plan(org, to, context));
  Move move = planned.move;
  move.id = newId("mov", clock_, random_);
  move.actor = actor;
  move.next_step_at = clock_.now();
  CCP_CHECK_OK(db_.write(db::Scope::org(org), [&](db::Tx& tx) -> Status {
    move.created_at = tx.now();
    if (!moves_.add(tx, move))
      return fail(Errc::conflict, "The organization is on its way to another provider already.");
    tx.audit({org, actor, "billing.move_begin", move.id, {}, describe(move), ""});
    tx.emit({"subscription.moved", org, move.id, describe(move)});
    return {};
  }));
  faultPoint("move.after_begin");
  // What fails from here on is the worker's: the move stands.
  for (int i = 0; i < kMaxSteps && !isOver(move.state) && move.next_step_at <= clock_.now(); ++i) {
    auto next = step(move, context);
    if (!next) {
      move.error = next.error().text();
      break;
    }
    move = std::move(*next);
  }
  return move;
}

Result<Move> Moves::cancel(const std::string& org, const std::string& actor,
                           const plugin::CallContext& context) {
  CCP_TRY(const auto found, newest(org));
  if (!found || isOver(found->state))
    return fail(Errc::not_found, "The organization is on no way to another provider.");
  Move move = *found;
  auto asked = facts(move, context);
  // A checkout of which nobody can say anything (its provider is not configured any more, or has
  // forgotten it) must not keep an organization on its way for ever.
  if (!asked &&
      (asked.error().code == Errc::not_found || asked.error().code == Errc::provider_error))
    asked = facts(move, context, false);
  if (!asked) return fail(asked.error());
  const MoveFacts& known = *asked;
  const std::string target =
      move.provider_subscription_id.empty() ? known.target_id : move.provider_subscription_id;
  if (!known.source || !isLive(known.source->status))
    return fail(Errc::conflict, "The old subscription has ended; the new one is what remains.");
  if (known.source->cancel_at_period_end &&
      (move.state == MoveState::confirmed || move.state == MoveState::scheduled)) {
    plugin::SubscriptionChange go_on;
    go_on.subscription_id = known.source->id;
    go_on.action = "uncancel";
    CCP_TRY([[maybe_unused]] const auto after,
            change(org, move.from_instance, go_on, context, keyOf(move, "go_on", clock_.now())));
  }
  if (!target.empty()) {
    plugin::SubscriptionChange end;
    end.subscription_id = target;
    end.action = "cancel";
    end.at_period_end = false;
    CCP_TRY([[maybe_unused]] const auto after,
            change(org, move.to_instance, end, context, keyOf(move, "undo", clock_.now())));
  }
  Move next = move;
  next.state = MoveState::cancelled;
  next.actor = actor;
  next.url.clear();
  CCP_TRY(const Move saved, save(move, next, "billing.move_cancel"));
  if (saved.state != MoveState::cancelled)
    return fail(Errc::conflict,
                "The move took a step at the same moment; look at it, and cancel it again.");
  return saved;
}

Result<std::optional<Move>> Moves::newest(const std::string& org) {
  return db_.read(db::Scope::org(org), [&](db::Tx& tx) -> Result<std::optional<Move>> {
    return moves_.newest(tx, org);
  });
}

Result<std::vector<Move>> Moves::list() {
  // System scope: an operator sees every org's.
  return db_.read(db::Scope::system(), [&](db::Tx& tx) -> Result<std::vector<Move>> {
    return moves_.list(tx, tx.now() - hours(24 * 30), 500);
  });
}

}  // namespace ccp::billing
