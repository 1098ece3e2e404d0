#include "cli/commands/billing/webhooks.hpp"

#include <memory>

#include "cli/command_tree.hpp"
#include "cli/support/operator.hpp"
#include "cli/support/options.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "core/base/encoding.hpp"

namespace ccp::cli {
namespace {

struct Options {
  std::string operator_key, state, instance, org, id;
  int limit = 50;
};

Outcome<Json> page(const Context& context, const Options& options, const std::string& cursor) {
  std::string path = "/v1/admin/webhooks?limit=" + std::to_string(options.limit);
  const auto narrow = [&](const char* name, const std::string& value) {
    if (!value.empty()) path += std::string("&") + name + "=" + urlEncode(value);
  };
  narrow("state", options.state);
  narrow("instance", options.instance);
  narrow("org", options.org);
  narrow("cursor", cursor);
  return operatorCall(context, options.operator_key, "GET", path);
}

Outcome<int> runList(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, page(context, options, ""));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  const auto& rows = answer["webhooks"].items();
  if (rows.empty()) {
    say(context, "No such webhook. They are kept for 90 days.");
    return kOk;
  }
  TextTable table({{"Id"}, {"Received"}, {"Instance"}, {"Type"}, {"State"},
                   {"Tries", Align::right}, {"Organization"}});
  for (const auto& row : rows) {
    table.row({printable(row.strOr("id")), printable(row.strOr("received_at").substr(0, 19)),
               printable(row.strOr("instance")), printable(row.strOr("type")),
               printable(row.strOr("state")), std::to_string(row.intOr("attempts")),
               printable(row.strOr("org", "-"))});
  }
  context.out << table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
  for (const auto& row : rows) {
    if (const auto error = row.strOr("error"); !error.empty() && row.strOr("state") != "processed")
      say(context, "  " + printable(row.strOr("id")) + ": " + context.bad(printable(error)));
  }
  const Json& counts = answer["counts"];
  say(context, std::to_string(counts.intOr("received")) + " waiting, " +
                   std::to_string(counts.intOr("parked")) + " parked, " +
                   std::to_string(counts.intOr("dead")) + " dead.");
  if (counts.intOr("dead") > 0)
    hint(context, "Try the dead ones again: ccp admin webhooks replay --state dead");
  return kOk;
}

Outcome<int> runShow(const Context& context, const Options& options) {
  CLI_TRY(const auto answer, operatorCall(context, options.operator_key, "GET",
                                          "/v1/admin/webhooks/" + urlEncode(options.id)));
  if (context.json) {
    context.emit(answer);
    return kOk;
  }
  const Json& row = answer["webhook"];
  for (const char* key : {"id", "instance", "type", "event_id", "org", "customer", "state",
                          "received_at", "source", "error"}) {
    const auto value = row.strOr(key);
    if (!value.empty()) say(context, context.dim(std::string(key) + ": ") + printable(value));
  }
  for (const auto& header : row["headers"].items())
    say(context, context.dim("header ") + printable(header.strOr("name")) + ": " +
                     printable(header.strOr("value")));
  say(context, "\n" + (row["body"].isNull() ? printable(row.strOr("body_base64"))
                                            : printable(row["body"].dump())));
  return kOk;
}

Outcome<Json> replayOne(const Context& context, const Options& options, const std::string& id) {
  CLI_TRY(auto answer, operatorCall(context, options.operator_key, "POST",
                                    "/v1/admin/webhooks/" + urlEncode(id) + "/replay",
                                    Json::object()));
  return answer["webhook"];
}

Outcome<int> runReplay(const Context& patient, const Options& options) {
  Context context = patient;
  context.timeout = minutes(1);
  if (options.id.empty() == options.state.empty())
    return failed(Errc::usage_error, "Replay what?",
                  "Give one id, or --state dead or --state parked for all of these.");
  std::vector<std::string> ids{options.id};
  if (options.id.empty()) {
    ids.clear();
    std::string cursor;
    do {
      CLI_TRY(const auto found, page(context, options, cursor));
      for (const auto& row : found["webhooks"].items()) ids.push_back(row.strOr("id"));
      cursor = found.strOr("next_cursor");
    } while (!cursor.empty());
  }
  Json all = Json::array();
  std::int64_t processed = 0;
  {
    Progress progress(context, "Replaying");
    // Oldest first, as they happened.
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      CLI_TRY(const auto row, replayOne(context, options, *id));
      processed += row.strOr("state") == "processed";
      Json brief = Json::object({{"id", row.strOr("id")}, {"state", row.strOr("state")}});
      if (const auto error = row.strOr("error"); !error.empty()) brief.set("error", error);
      all.push(std::move(brief));
      progress.update(static_cast<std::int64_t>(all.size()),
                      static_cast<std::int64_t>(ids.size()), "webhooks");
    }
  }
  const bool well = processed == static_cast<std::int64_t>(ids.size());
  if (context.json) {
    context.emit(Json::object({{"webhooks", std::move(all)}, {"processed", processed}}));
    return well ? kOk : kCheckFailed;
  }
  for (const auto& row : all.items()) {
    if (row.strOr("state") != "processed")
      say(context, printable(row.strOr("id")) + " is " + printable(row.strOr("state")) + ": " +
                       context.bad(printable(row.strOr("error"))));
  }
  say(context, std::to_string(processed) + " of " + std::to_string(ids.size()) + " processed.");
  return well ? kOk : kCheckFailed;
}

}  // namespace

void addAdminWebhooks(CommandTree& tree, CLI::App& admin) {
  auto& webhooks = tree.group(admin, "webhooks", "What providers sent, and what became of it");
  const auto options = std::make_shared<Options>();

  auto& list = tree.command(webhooks, "list", "Stored webhooks, newest first",
                            [options](const Context& c) { return runList(c, *options); });
  option(list, "--state", options->state, "received, processed, parked or dead")
      .oneOf({"received", "processed", "parked", "dead"});
  option(list, "--instance", options->instance, "Of one billing instance");
  option(list, "--org", options->org, "Of one organization");
  option(list, "--limit", options->limit, "How many").range(1, 200).showDefault();
  CommandTree::addOperatorKey(list, options->operator_key);

  auto& show = tree.command(webhooks, "show", "One webhook with its body",
                            [options](const Context& c) { return runShow(c, *options); });
  option(show, "id", options->id, "whk_...").required();
  CommandTree::addOperatorKey(show, options->operator_key);

  auto& replay = tree.command(
      webhooks, "replay", "Process stored webhooks once more",
      [options](const Context& c) { return runReplay(c, *options); },
      "What was processed already changes nothing: every event is applied once.\n\n"
      "  ccp admin webhooks replay whk_01k...\n  ccp admin webhooks replay --state dead");
  option(replay, "id", options->id, "whk_...");
  option(replay, "--state", options->state, "All of these: dead or parked")
      .oneOf({"dead", "parked"});
  CommandTree::addOperatorKey(replay, options->operator_key);
}

}  // namespace ccp::cli
