// Plays deliveries of a scenario through a plugin, as the server does: verify, parse, fetch, fold; asks for
// what is in doubt; reconciles. Single-threaded.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sdk/conformance/context.hpp"
#include "sdk/conformance/scenario/books.hpp"
#include "sdk/conformance/scenario/provider_api.hpp"

namespace ccp::kit {

/// A delivery of a scenario, with the step that it belongs to.
struct Sent {
  const RecordedDelivery* delivery = nullptr;
  std::size_t step = 0;
  Timestamp at{};       ///< when the story's provider sends it
  bool marks = false;   ///< it tells of a refund or a dispute; known once it was played
};

class Player {
 public:
  /// Moves the clock and answers the requests of `host`; all of it outlives the player.
  Player(Context& t, KitHost& host, Unit& unit, const ProviderCard& card, const Scenario& scenario);
  ~Player() { host_.on_http = nullptr; }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// Every delivery in its order.
  const std::vector<Sent>& sent() const noexcept { return sent_; }
  /// The whole story, compared step by step; false when it differs, after recording where if `tell`.
  bool timeline(Books& books, bool tell = true);
  /// What verify_webhook told of a delivery is what parse_webhook says; false after recording that it is not.
  bool sameAsTold(const Json& facts, const Json& events);
  /// One delivery, received at `now`. False when the plugin did not do its part (recorded).
  bool deliver(Books& books, std::size_t sent, Timestamp now);
  /// Asks for every subscription in doubt.
  bool settleDoubts(Books& books, Timestamp now);
  /// What the server's reconciler does: events, subscriptions, doubts, and an hour later what was missing.
  /// Moves `now` on.
  bool reconcile(Books& books, Timestamp& now);
  /// The provider is as the story has it at `now`.
  void moveApi(Timestamp now);
  /// Every delivery with a signature over other bytes is UNAUTHENTICATED.
  void forged();

  bool listsEvents() const noexcept { return lists_events_; }
  const std::set<std::string>& unanswered() const noexcept { return api_.unanswered(); }
  void forgetEvents() { seen_.clear(); }
  /// Schemas are checked in the timeline only: they cost more than everything else.
  bool check_schemas = true;

  /// The clock of the story at its end, when everything has settled.
  Timestamp end() const;

 private:
  Json request(const RecordedDelivery& delivery, Timestamp now, bool forged) const;
  /// nullopt after recording why; `missing` when NOT_FOUND or UNIMPLEMENTED is allowed, and is the answer.
  std::optional<Json> ask(const char* op, const Json& in, bool* missing = nullptr);
  bool takeAll(Books& books, const Json& events, Timestamp now, std::size_t sent);
  bool list(Books& books, Timestamp now);
  void step(const std::string& what) { t_.step(scenario_.story.name + ": " + what); }
  std::string where() const;
  void clock(Timestamp now);

  Context& t_;
  KitHost& host_;
  Unit& unit_;
  const ProviderCard& card_;
  const Scenario& scenario_;
  ProviderApi api_;
  Bytes key_;
  std::vector<Sent> sent_;
  std::set<std::string> seen_;  ///< ids of events that were taken
  /// What parse_webhook made of each delivery: it is pure (L3.pure), and most of the time goes there.
  std::map<std::size_t, std::optional<Json>> parsed_;
  std::vector<std::string> trace_;
  std::string step_;
  Timestamp now_{};
  bool lists_events_ = false;
};

}  // namespace ccp::kit
