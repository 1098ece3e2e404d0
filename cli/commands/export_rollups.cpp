// ccp export rollups: sends hourly sums to the server, resumably and idempotently.
#include <algorithm>
#include <map>

#include "cli/commands/usage.hpp"
#include "cli/support/license_pack.hpp"
#include "cli/support/output.hpp"
#include "cli/support/profile.hpp"
#include "cli/support/server.hpp"
#include "cli/support/text_table.hpp"
#include "cli/support/time_zone.hpp"
#include "cli/support/wait.hpp"
#include "core/crypto/jws.hpp"

namespace ccp::cli {
namespace {

constexpr std::size_t kBatch = 500;
constexpr int kAttempts = 8;

Json blockJson(const HourBlock& block) {
  const auto n = [](std::int64_t v) { return Json(static_cast<long long>(v)); };
  const auto& s = block.sums;
  Json out = Json::object({{"period", "hour"},
                           {"start_at", formatRfc3339(block.start)},
                           {"model", block.model},
                           {"lane", block.lane},
                           {"requests", n(s.requests)},
                           {"errors", n(s.errors)},
                           {"input_tokens", n(s.input)},
                           {"output_tokens", n(s.output)},
                           {"cache_read_tokens", n(s.cache_read)},
                           {"cache_write_tokens", n(s.cache_write)},
                           {"revision", n(block.revision)}});
  if (s.cost_microusd) out.set("cost_microusd", n(*s.cost_microusd));
  return out;
}

struct Summary {
  std::map<std::string, std::int64_t> by_status;
  std::vector<BlockAnswer> refused;
  std::int64_t sent = 0;
};

bool isRefusal(const std::string& status) {
  return status == "conflict" || status == "rejected";
}

/// Sends one batch; comes back after 429, 5xx and network failures, as long as Retry-After says or
/// with growing, jittered pauses.
Outcome<Json> sendBatch(const Context& context, Server& server, const Json& body,
                        Progress& progress) {
  Duration pause = milliseconds(500);
  for (int attempt = 1;; ++attempt) {
    auto answer = server.call("POST", "/v1/ingest/rollups", body);
    if (answer) return std::move(*answer);
    const Failure failure(answer.error());
    const bool passing = failure.exit == kUnreachable || answer.error().code == Errc::internal;
    if (!passing || attempt == kAttempts) return failed(failure);
    // Full jitter, so that machines that failed together do not come back together.
    const auto jitter =
        milliseconds(context.random.below(static_cast<std::uint32_t>(pause / milliseconds(1)) + 1));
    const auto wait = failure.retry_after_s > 0
                          ? std::min<Duration>(seconds(failure.retry_after_s), minutes(5)) + jitter
                          : pause / 2 + jitter;
    progress.update("the server cannot take it now, next try in " +
                    formatDuration(std::chrono::ceil<seconds>(wait)));
    waiter()(wait);
    pause = std::min<Duration>(pause * 2, seconds(60));
  }
}

/// What the server said, per block. `provider_error` when the answer does not fit the question.
Outcome<std::vector<BlockAnswer>> answersOf(const Json& answer,
                                            const std::vector<HourBlock>& blocks) {
  std::vector<BlockAnswer> out;
  for (const auto& result : answer["results"].items()) {
    const auto index = result.intOr("index", -1);
    if (index < 0 || static_cast<std::size_t>(index) >= blocks.size()) continue;
    out.push_back({blocks[static_cast<std::size_t>(index)], result.strOr("status"),
                   result.strOr("code"), result.strOr("detail")});
  }
  if (out.size() != blocks.size()) {
    return failed(Errc::provider_error,
                  "The server answered " + std::to_string(out.size()) + " of " +
                      std::to_string(blocks.size()) + " rollups.",
                  "Run the command again; what was acknowledged is not sent twice.");
  }
  return out;
}

Json summaryJson(const Summary& summary, std::size_t pending, bool dry_run) {
  Json out = Json::object(
      {{"dry_run", dry_run}, {"pending", pending}, {"sent", static_cast<long long>(summary.sent)}});
  for (const char* status : {"accepted", "duplicate", "unattributed", "conflict", "rejected"}) {
    const auto at = summary.by_status.find(status);
    out.set(status, static_cast<long long>(at == summary.by_status.end() ? 0 : at->second));
  }
  Json refused = Json::array();
  for (const auto& answer : summary.refused) {
    refused.push(Json::object({{"start_at", formatRfc3339(answer.block.start)},
                               {"model", answer.block.model},
                               {"lane", answer.block.lane},
                               {"status", answer.status},
                               {"code", answer.code},
                               {"detail", answer.detail}}));
  }
  out.set("refused", std::move(refused));
  return out;
}

void tell(const Context& context, const Summary& summary) {
  std::string parts;
  for (const auto& [status, n] : summary.by_status) {
    if (n > 0) parts += (parts.empty() ? "" : ", ") + withThousands(n) + " " + status;
  }
  say(context, "Sent " + withThousands(summary.sent) + " hourly rollups: " + parts + ".");
  constexpr std::size_t kShown = 20;
  for (std::size_t i = 0; i < std::min(kShown, summary.refused.size()); ++i) {
    const auto& r = summary.refused[i];
    say(context, "  " + context.bad(r.status) + " " + timeText(r.block.start) + " " +
                     printable(r.block.model) + " (" + r.block.lane + "): " + printable(r.code) +
                     (r.detail.empty() ? "" : ", " + printable(r.detail)));
  }
  if (summary.refused.size() > kShown)
    say(context, "  and " +
                     withThousands(static_cast<std::int64_t>(summary.refused.size() - kShown)) +
                     " more; --json lists all.");
  const bool conflicts = std::any_of(summary.refused.begin(), summary.refused.end(),
                                     [](const auto& r) { return r.code == "revision_conflict"; });
  if (conflicts)
    say(context,
        "  Next: the server has other numbers for these hours. `ccp export rollups --replace` "
        "sends yours instead.");
}

/// Under which name the store remembers what was acknowledged: server, organization and device key.
/// A device that logs in again is the same sender, and does not send twice.
std::string targetOf(const Server& server) {
  std::string org;
  if (const auto token = crypto::parseJws(server.session().access_token))
    org = token->claims.strOr("org");
  return server.session().server + " " + org + " " + server.key().publicKey().thumbprint();
}

}  // namespace

Outcome<int> runExportRollups(const Context& context, const ExportOptions& options) {
  const bool dry_run = options.dry_run;
  CLI_TRY(auto server, Server::connect(context));
  const auto target = targetOf(server);
  CLI_TRY(auto store, openUsage(context));
  std::optional<Timestamp> since;
  if (!options.since.empty()) {
    CLI_TRY(const auto zone, TimeZone::named("UTC"));
    CLI_TRY(const auto day, parseDayOption(options.since, zone, context.clock.now()));
    CLI_TRY(since, zone.startOfDay(day));
  }
  if (options.replace && !dry_run) CLI_CHECK(store.raiseConflicts(target));
  CLI_TRY(auto pending, store.pending(target, since));
  Summary summary;
  if (pending.empty() || dry_run) {
    if (context.json) context.emit(summaryJson(summary, pending.size(), dry_run));
    CLI_TRY(const auto totals, store.totals());
    if (totals.messages == 0)
      say(context, "There is no usage yet. Run `ccp import` first.");
    else if (pending.empty())
      say(context, "Nothing to send: the server has acknowledged everything.");
    else
      say(context, "Would send " + withThousands(static_cast<std::int64_t>(pending.size())) +
                       " hourly rollups, " + timeText(pending.front().start) + " to " +
                       timeText(pending.back().start) + ".");
    return kOk;
  }
  Progress progress(context, "Sending rollups");
  const auto total = static_cast<std::int64_t>(pending.size());
  for (std::size_t at = 0; at < pending.size(); at += kBatch) {
    const std::vector<HourBlock> batch(
        pending.begin() + static_cast<std::ptrdiff_t>(at),
        pending.begin() + static_cast<std::ptrdiff_t>(std::min(at + kBatch, pending.size())));
    Json rollups = Json::array();
    for (const auto& block : batch) rollups.push(blockJson(block));
    auto sent =
        sendBatch(context, server, Json::object({{"rollups", std::move(rollups)}}), progress);
    if (!sent) {
      auto failure = sent.error();
      if (at > 0)
        failure.detail += " " + withThousands(static_cast<std::int64_t>(at)) + " of " +
                          withThousands(total) +
                          " rollups were sent before; run the command again for the rest.";
      return failed(std::move(failure));
    }
    CLI_TRY(const auto answers, answersOf(*sent, batch));
    CLI_CHECK(store.record(target, answers, context.clock.now()));
    for (const auto& answer : answers) {
      ++summary.by_status[answer.status];
      if (isRefusal(answer.status)) summary.refused.push_back(answer);
    }
    summary.sent += static_cast<std::int64_t>(batch.size());
    progress.update(summary.sent, total, "rollups");
  }
  progress.clear();
  const Profile profile(context);
  auto sync = profile.sync();
  sync.usage_exported_at = context.clock.now();
  CLI_CHECK(profile.save(sync));
  if (const auto pack = storedPack(context)) renewPackIfDue(context, server, pack->claims.plan);
  if (context.json) context.emit(summaryJson(summary, pending.size(), false));
  tell(context, summary);
  return summary.refused.empty() ? kOk : kCheckFailed;
}

}  // namespace ccp::cli
