#include "cli/commands/policy/replay.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/policy_log.hpp"
#include "cli/support/text_table.hpp"
#include "cli/support/wait.hpp"

namespace ccp::cli {
namespace {

constexpr int kTries = 60;  // while others replay
constexpr std::size_t kShownFlips = 20;
constexpr std::size_t kKeptFlips = 10'000;
constexpr std::array<const char*, 7> kCounts{"total", "same", "newly_denied", "newly_allowed", "rerouted", "faults", "indeterminate"};

struct Options {
  LogOwner owner;
  std::string draft, point;
  std::string since = "30d";
  double max_flip = 0;
};

struct Report {
  std::map<std::string, std::int64_t> counts;
  std::int64_t p99_us = 0;
  std::vector<Json> flips;

  std::int64_t flipped() const { return counts.at("newly_denied") + counts.at("newly_allowed") + counts.at("rerouted") + counts.at("faults"); }
  double rate() const {
    const auto decided = counts.at("total") - counts.at("indeterminate");
    return decided > 0 ? static_cast<double>(flipped()) / static_cast<double>(decided) : 0;
  }
};

Outcome<Report> replay(const Context& context, const Options& options) {
  CLI_TRY(auto document, readDraft(context, options.draft, options.point));
  if (document.org.empty()) {
    CLI_TRY(document.org, setOf(context, options.owner));
  }
  CLI_TRY(const auto payload, parseJson(policy::toText(document), {.max_bytes = 2u << 20, .max_depth = 64}));
  CLI_TRY(const auto since, sinceText(context, options.since));
  Report out;
  for (const char* name : kCounts) out.counts[name] = 0;
  Progress progress(context, "Replaying");
  std::string cursor;
  do {
    Json body = Json::object({{"pack", payload}});
    if (!since.empty()) body.set("since", since);
    if (!cursor.empty()) body.set("cursor", cursor);
    auto answer = logCall(context, options.owner, "POST", "replay", body);
    // One replay of an organization at a time: somebody else's ends soon.
    for (int tries = 0; !answer && answer.error().code == info(Errc::rate_limited).name && tries < kTries; ++tries) {
      waiter()(seconds(std::clamp(answer.error().retry_after_s, 1, 30)));
      answer = logCall(context, options.owner, "POST", "replay", body);
    }
    CLI_TRY(const auto part, std::move(answer));
    for (const char* name : kCounts) out.counts[name] += part.intOr(name);
    out.p99_us = std::max(out.p99_us, part.intOr("p99_us"));
    for (const auto& flip : part["flips"].items()) {
      if (out.flips.size() < kKeptFlips) out.flips.push_back(flip);
    }
    cursor = part.strOr("next_cursor");
    progress.update(out.counts["total"], 0, "decisions");
  } while (!cursor.empty());
  progress.clear();
  return out;
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %%", share * 100);
  return text.data();
}

void show(const Context& context, const Options& options, const Report& report) {
  auto counts = report.counts;
  context.out << withThousands(counts["total"]) << " decisions of the last " << printable(options.since) << ": " << context.bad(withThousands(counts["newly_denied"]) + " newly denied")
              << ", " << withThousands(counts["newly_allowed"]) << " newly allowed, " << withThousands(counts["rerouted"]) << " routed elsewhere, "
              << withThousands(counts["faults"]) << " faults, " << withThousands(counts["same"]) << " the same";
  if (counts["indeterminate"] > 0) context.out << "; " << withThousands(counts["indeterminate"]) << " could not be decided again";
  context.out << ".\n";
  std::map<std::array<std::string, 4>, std::int64_t> groups;
  for (const auto& flip : report.flips) {
    if (flip.strOr("flip") == "indeterminate") continue;
    const Json& was = flip["was"];
    ++groups[{flip.strOr("flip"), was.strOr("org", "–"), was.strOr("seat", "–").substr(0, 12), was.strOr("point")}];
  }
  if (!groups.empty()) {
    context.out << "\n";
    TextTable table({{"FLIP"}, {"ORG"}, {"SEAT"}, {"POINT"}, {"TIMES", Align::right}});
    for (const auto& [key, times] : groups) table.row({printable(key[0]), printable(key[1]), printable(key[2]), printable(key[3]), withThousands(times)});
    context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "") << "\n";
  }
  std::size_t shown = 0;
  for (const auto& flip : report.flips) {
    if (flip.strOr("flip") == "indeterminate" || ++shown > kShownFlips) continue;
    context.out << printable(flip["was"].strOr("id")) << "  was " << verdictText(context, flip["was"]) << "\n    now " << verdictText(context, flip["now"]) << "\n";
  }
  if (shown > kShownFlips) hint(context, "--json has the others.");
  if (counts["total"] > 0 && counts["indeterminate"] == counts["total"]) {
    hint(context, "No input was kept, or the draft reads masked values: see policy.replay_store in docs/policy-guide/decisions.md.");
  }
}

Outcome<int> run(const Context& context, const Options& options) {
  CLI_TRY(const auto report, replay(context, options));
  const bool within = report.rate() <= options.max_flip;
  if (context.json) {
    Json out = Json::object();
    for (const char* name : kCounts) out.set(name, report.counts.at(name));
    out.set("flip_rate", report.rate()).set("max_flip", options.max_flip).set("within", within).set("p99_us", report.p99_us);
    out.set("flips", Json::array(report.flips));
    context.emit(out);
  } else {
    show(context, options, report);
    context.out << "\n" << percent(report.rate()) << " came out otherwise; --max-flip allows " << percent(options.max_flip) << ".\n";
  }
  return within ? kOk : kCheckFailed;
}

}  // namespace

void addPolicyReplay(CommandTree& tree, CLI::App& policy) {
  const auto options = std::make_shared<Options>();
  auto& app = tree.command(
      policy, "replay", "Decide the past again with a draft: who would newly be denied?", [options](const Context& c) { return run(c, *options); },
      "The draft goes to the server, which decides what its replay store kept (policy.replay_store); inputs do not\n"
      "leave it. Nothing changes. The draft needs no signature. Exit 1 when more than --max-flip came out otherwise.\n\n"
      "  ccp policy replay --since 30d packs/team\n"
      "  ccp policy replay --operator --since 7d --max-flip 0.02 packs/default --json");
  option(app, "draft", options->draft, "The folder of a pack, a signed pack, or a .lua file with --point").required().typeName("DRAFT");
  option(app, "--since", options->since, "How far back: an age such as 30d, or an RFC 3339 time").typeName("AGE").showDefault();
  option(app, "--point", options->point, "What a .lua file answers").typeName("POINT");
  option(app, "--max-flip", options->max_flip, "Share that may come out otherwise, from 0 to 1").range(0.0, 1.0).showDefault();
  addLogOwner(app, options->owner);
}

}  // namespace ccp::cli
