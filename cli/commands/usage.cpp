// ccp usage: tables of the imported usage per day and model.
#include <algorithm>
#include <map>

#include "cli/commands/usage.hpp"
#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"
#include "cli/support/time_zone.hpp"

namespace ccp::cli {
namespace {

/// One line of the report: day and model, either of them empty when the report does not split by
/// it.
using Key = std::pair<std::string, std::string>;
using Report = std::map<Key, Sums>;

Report group(const std::vector<UsageSlot>& slots, const TimeZone& zone, const std::string& by) {
  Report out;
  // Many slots share a day: the zone is asked once per quarter of an hour.
  std::map<Timestamp, std::string> days;
  for (const auto& slot : slots) {
    std::string day;
    if (by != "model") {
      const auto [place, fresh] = days.try_emplace(slot.start);
      if (fresh) place->second = zone.dayOf(slot.start);
      day = place->second;
    }
    out[Key(day, by == "day" ? std::string() : slot.model)] += slot.sums;
  }
  return out;
}

Json sumsJson(const Sums& s) {
  const auto n = [](std::int64_t v) { return Json(static_cast<long long>(v)); };
  return Json::object({{"requests", n(s.requests)},
                       {"errors", n(s.errors)},
                       {"input_tokens", n(s.input)},
                       {"output_tokens", n(s.output)},
                       {"cache_write_tokens", n(s.cache_write)},
                       {"cache_read_tokens", n(s.cache_read)},
                       {"total_tokens", n(s.tokens())},
                       {"cost_microusd", s.cost_microusd ? n(*s.cost_microusd) : Json()}});
}

Json reportJson(const Report& report, const Sums& total, const TimeZone& zone,
                const std::string& by, std::int64_t blocks) {
  Json rows = Json::array();
  for (const auto& [key, sums] : report) {
    Json row = Json::object();
    if (by != "model") row.set("day", key.first);
    if (by != "day") row.set("model", key.second);
    const auto numbers = sumsJson(sums);
    for (const auto& [name, value] : numbers.members()) row.set(name, value);
    rows.push(std::move(row));
  }
  return Json::object({{"timezone", zone.name()},
                       {"by", by},
                       {"rows", std::move(rows)},
                       {"totals", sumsJson(total)},
                       {"rollups", static_cast<long long>(blocks)}});
}

std::vector<std::string> cells(const Sums& s, bool with_cost, bool with_errors) {
  std::vector<std::string> out{withThousands(s.requests)};
  if (with_errors) out.push_back(withThousands(s.errors));
  for (const auto n : {s.input, s.output, s.cache_write, s.cache_read, s.tokens()})
    out.push_back(withThousands(n));
  if (with_cost) out.push_back(costText(s.cost_microusd));
  return out;
}

std::string tableText(const Context& context, const Report& report, const Sums& total,
                      const std::string& by) {
  const bool with_cost = std::any_of(report.begin(), report.end(), [](const auto& row) {
    return row.second.cost_microusd.has_value();
  });
  std::vector<TextTable::Column> columns;
  if (by != "model") columns.push_back({"Day", Align::left});
  if (by != "day") columns.push_back({"Model", Align::left});
  columns.push_back({"Requests", Align::right});
  if (total.errors > 0) columns.push_back({"Errors", Align::right});
  for (const char* title : {"Input", "Output", "Cache write", "Cache read", "Total"})
    columns.push_back({title, Align::right});
  if (with_cost) columns.push_back({"Cost", Align::right});
  TextTable table(std::move(columns));
  const auto add = [&](const Key& key, const Sums& sums, bool is_total) {
    std::vector<std::string> row;
    if (by != "model") row.push_back(printable(key.first));
    if (by != "day") row.push_back(printable(key.second));
    for (auto& cell : cells(sums, with_cost, total.errors > 0)) row.push_back(std::move(cell));
    is_total ? table.total(std::move(row)) : table.row(std::move(row));
  };
  std::string day_before;
  for (const auto& [key, sums] : report) {
    add(Key(key.first == day_before ? std::string() : key.first, key.second), sums, false);
    if (by == "both") day_before = key.first;
  }
  add(by == "model" ? Key("", "Total") : Key("Total", ""), total, true);
  return table.text(context.color ? "\033[1m" : "", context.color ? "\033[0m" : "");
}

std::string csvText(const Report& report, const std::string& by) {
  std::string out = by == "model" ? "model," : by == "day" ? "day," : "day,model,";
  out +=
      "requests,errors,input_tokens,output_tokens,cache_write_tokens,cache_read_tokens,total_"
      "tokens,cost_microusd\r\n";
  for (const auto& [key, s] : report) {
    if (by != "model") out += csvField(key.first) + ",";
    if (by != "day") out += csvField(key.second) + ",";
    for (const auto n :
         {s.requests, s.errors, s.input, s.output, s.cache_write, s.cache_read, s.tokens()})
      out += std::to_string(n) + ",";
    out += (s.cost_microusd ? std::to_string(*s.cost_microusd) : std::string()) + "\r\n";
  }
  return out;
}

}  // namespace

Outcome<int> runUsage(const Context& context, const UsageOptions& options) {
  CLI_TRY(const auto zone, TimeZone::named(options.timezone));
  const auto now = context.clock.now();
  std::optional<Timestamp> since, until;
  if (!options.since.empty()) {
    CLI_TRY(const auto day, parseDayOption(options.since, zone, now));
    CLI_TRY(since, zone.startOfDay(day));
  }
  if (!options.until.empty()) {
    CLI_TRY(const auto day, parseDayOption(options.until, zone, now));
    CLI_TRY(const auto start, zone.startOfDay(day));
    // The named day counts whole; 36 hours later it is the next day in every zone, summer time or
    // not.
    CLI_TRY(until, zone.startOfDay(zone.dayOf(start + hours(36))));
  }
  CLI_TRY(auto store, openUsage(context));
  CLI_TRY(const auto slots, store.slots(since, until));
  CLI_TRY(const auto totals, store.totals());
  const auto& by = options.by;
  const auto report = group(slots, zone, by);
  Sums total;
  for (const auto& [key, sums] : report) total += sums;

  if (options.csv) {
    context.out << csvText(report, by) << std::flush;
    return kOk;
  }
  if (context.json) {
    context.emit(reportJson(report, total, zone, by, totals.blocks));
    return kOk;
  }
  if (report.empty()) {
    say(context, totals.messages == 0
                     ? "There is no usage yet. Run `ccp import` first."
                     : "There is no usage in this time. Try another --since or --until.");
    return kOk;
  }
  context.out << tableText(context, report, total, by) << std::flush;
  hint(context, "Days are in " + zone.name() +
                    (zone.name() == "UTC" ? "; --timezone names another zone." : "."));
  return kOk;
}

}  // namespace ccp::cli
