// Level 3 for billing: stories of customers, told by what a provider sends and answers. The first test
// compares the license step by step; the second loses, doubles and shuffles what was sent.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <random>

#include "ccp/abi/all.h"
#include "sdk/conformance/fixtures.hpp"
#include "sdk/conformance/scenario/player.hpp"
#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

/// Orders that are tried of each story; each delivery is two calls, and a process of its own makes them dear.
int ordersIn(Mode mode) { return mode == Mode::process ? 8 : 24; }

/// A delivery at another time, or twice, or never; then perhaps a look at what is in doubt.
struct Move {
  std::size_t sent = 0;
  Timestamp at{};
  bool settle = false;
};
using Schedule = std::vector<Move>;

/// The folder and the card of the plugin's scenarios; nothing after recording why there is nothing to play.
struct Stage {
  ProviderCard card;
  std::vector<Scenario> scenarios;
};
std::optional<Stage> stageOf(Context& t) {
  if (!t.subject.provides(CCP_BILLING_ID)) {
    t.skip("the plugin is no billing provider");
    return std::nullopt;
  }
  const std::string folder = t.subject.fixtures + "/scenarios";
  std::error_code ignored;
  if (t.subject.fixtures.empty() || !std::filesystem::is_directory(folder, ignored)) {
    t.skip("there is no folder conformance/scenarios beside the plugin; see docs/plugin-guide/scenarios.md");
    return std::nullopt;
  }
  const auto text = readWholeFile(folder + "/provider.json", std::size_t{1} << 20);
  const auto json = text ? parseJson(*text) : Result<Json>(ccp::fail(text.error()));
  auto card = json ? readProviderCard(*json) : Result<ProviderCard>(ccp::fail(json.error()));
  if (!card) {
    t.fail("conformance/scenarios/provider.json: " + card.error().detail, "how deliveries are signed, the catalog and the customer", "See docs/plugin-guide/scenarios.md.");
    return std::nullopt;
  }
  return Stage{std::move(*card), scenariosIn(folder)};
}

Schedule scheduleOf(const Player& player, std::uint64_t seed, bool late) {
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const auto& sent = player.sent();
  const Timestamp end = player.end();
  Schedule out;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const bool may_be_lost = player.listsEvents() || !sent[i].marks;
    const int times = may_be_lost && below(5) == 0 ? 0 : below(3) == 0 ? 2 : 1;
    for (int n = 0; n < times; ++n) {
      const auto left_s = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(end - sent[i].at).count());
      const Timestamp at = !late ? end : below(2) == 0 ? sent[i].at : sent[i].at + seconds(static_cast<std::int64_t>(below(left_s + 1)));
      out.push_back({i, at, below(2) == 0});
    }
  }
  std::shuffle(out.begin(), out.end(), random);
  std::stable_sort(out.begin(), out.end(), [](const Move& a, const Move& b) { return a.at < b.at; });
  return out;
}

std::string textOf(const Player& player, const Schedule& schedule) {
  std::string out;
  for (const auto& move : schedule) {
    const auto& sent = player.sent()[move.sent];
    out += (out.empty() ? " " : "; ") + formatRfc3339(move.at) + " " + sent.delivery->id + " of step " + std::to_string(sent.step) + (move.settle ? ", then what is in doubt is asked for" : "");
  }
  return out.empty() ? " nothing" : out;
}

/// What was known at the end; nothing after recording a failure of the plugin itself.
std::optional<Json> play(Player& player, Books books, const Schedule& schedule, bool with_marks) {
  player.forgetEvents();
  Timestamp now = player.end();
  for (const auto& move : schedule) {
    player.moveApi(move.at);
    if (!player.deliver(books, move.sent, move.at)) return std::nullopt;
    if (move.settle && !player.settleDoubts(books, move.at + seconds(2))) return std::nullopt;
    now = std::max(now, move.at + seconds(3));
  }
  now += minutes(1);
  player.moveApi(now);
  if (!player.reconcile(books, now)) return std::nullopt;
  return books.summary(player.end() + hours(12), with_marks);
}

/// Leaves out whatever does not matter for the difference, so that a person can read the rest.
Schedule shrunk(Player& player, const Books& fresh, Schedule schedule, const Json& wanted, bool with_marks) {
  for (std::size_t i = schedule.size(); i-- > 0;) {
    if (!player.listsEvents() && player.sent()[schedule[i].sent].marks) continue;
    Schedule less = schedule;
    less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
    const auto got = play(player, fresh, less, with_marks);
    if (got && !(*got == wanted)) schedule = std::move(less);
  }
  return schedule;
}

/// True when every order of the story's deliveries ended in the same place.
bool nothingLost(Context& t, Player& player, const Books& fresh, const Scenario& scenario, const Json& wanted, bool with_marks) {
  const auto story = std::hash<std::string>()(scenario.story.name);
  for (int n = 0; n < ordersIn(t.mode); ++n) {
    const bool late = n % 2 == 0;
    const std::uint64_t seed = story + static_cast<std::uint64_t>(n);
    const Schedule schedule = scheduleOf(player, seed, late);
    const auto got = play(player, fresh, schedule, with_marks);
    if (!got) return false;
    if (*got == wanted) continue;
    const auto least = shrunk(player, fresh, schedule, wanted, with_marks);
    const auto end = play(player, fresh, least, with_marks);
    const Json& last = end ? *end : *got;
    t.fail(scenario.story.name + ", order " + std::to_string(n) + ": after a reconcile the license is " + last.strOr("license") + "; " + difference(wanted, last) + ". What was received:" + textOf(player, least),
           wanted.strOr("license") + ", as without the disorder", "A snapshot must be whole, list_subscriptions and get_subscription must say the same as the newest webhook, and list_events must have what webhooks told.");
    return false;
  }
  return true;
}

void eachStory(Context& t, const std::function<bool(Player&, const Books& fresh, const Scenario&)>& what) {
  const auto stage = stageOf(t);
  if (!stage) return;
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  int played = 0;
  for (const auto& scenario : stage->scenarios) {
    if (t.enough()) return;
    if (!scenario.problem.empty()) {
      t.fail("conformance/scenarios/" + scenario.story.name + ".json: " + scenario.problem, "a fixture", "See docs/plugin-guide/scenarios.md.");
      continue;
    }
    if (!scenario.unsupported.empty()) {
      t.note(scenario.story.name + " is not played: " + scenario.unsupported);
      continue;
    }
    Player player(t, host, *unit, stage->card, scenario);
    if (t.failed() && played == 0) return;  // no key
    if (what(player, Books(scenario.story, stage->card), scenario)) ++played;
    for (const auto& line : player.unanswered()) {
      t.fail(scenario.story.name + ": the fixture has no answer to " + line, "every answer that the plugin asks for", "Record the fixture again; {\"status\": 404} where the provider says so.");
    }
  }
  t.note(std::to_string(played) + " stories of " + std::to_string(stage->scenarios.size()));
  if (played == 0 && !t.failed()) t.fail("no story was played", "at least one", "A provider that can do nothing of what customers do is none.");
}

}  // namespace

void scenarios(Context& t) {
  eachStory(t, [](Player& player, const Books& fresh, const Scenario&) {
    Books books = fresh;
    if (!player.timeline(books)) return false;
    player.forged();
    return true;
  });
}

void scenariosLost(Context& t) {
  eachStory(t, [&](Player& player, const Books& fresh, const Scenario& scenario) {
    Books books = fresh;
    if (!player.timeline(books, false)) {
      t.note(scenario.story.name + " is told wrong already; see L3.scenarios");
      return false;
    }
    player.check_schemas = false;
    const bool with_marks = true;
    const Json before = books.summary(player.end() + hours(12), with_marks);
    Timestamp now = player.end() + minutes(1);
    if (!player.reconcile(books, now)) return false;
    const Json wanted = books.summary(player.end() + hours(12), with_marks);
    if (!(before == wanted)) {
      t.fail(scenario.story.name + ": a reconcile after every webhook has come changes " + before.strOr("license") + " to " + wanted.strOr("license") + "; " + difference(before, wanted), "the same", "list_subscriptions and list_events must say what the webhooks said.");
      return false;
    }
    return nothingLost(t, player, fresh, scenario, wanted, with_marks);
  });
}

}  // namespace ccp::kit::tests
