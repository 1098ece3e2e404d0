#include "core/usage/rules.hpp"

#include <algorithm>
#include <array>

#include "core/base/encoding.hpp"

namespace ccp::usage {
namespace {

bool isModelChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._:/@+-[]").find(c) != std::string_view::npos;
}
bool isAlphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// First character alphanumeric: a name never starts a formula in a spreadsheet.
bool isModel(std::string_view text) {
  return !text.empty() && text.size() <= 128 && isAlphanumeric(text[0]) && std::all_of(text.begin(), text.end(), isModelChar);
}
bool isLane(std::string_view text) {
  return !text.empty() && text.size() <= 32 && ((text[0] >= 'a' && text[0] <= 'z') || (text[0] >= '0' && text[0] <= '9')) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; });
}

constexpr std::array<std::string_view, 13> kFields = {
    "period",           "start_at", "model", "lane",    "requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens",
    "cache_write_tokens", "cost_microusd", "ttft", "revision"};

/// No rollup is older than the tools that make them.
constexpr Timestamp kOldest = fromUnixSeconds(1'420'070'400);  // 2015-01-01T00:00:00Z

Incoming refuse(std::string code, std::string detail) {
  return {std::nullopt, {BlockStatus::rejected, std::move(code), std::move(detail)}};
}
Incoming invalid(std::string detail) { return refuse("validation_failed", std::move(detail)); }

std::int64_t plus(std::int64_t a, std::int64_t b) noexcept { return std::min(a + b, kMaxNumber); }

}  // namespace

const char* toString(Period period) noexcept { return period == Period::hour ? "hour" : "day"; }

const char* toString(BlockStatus status) noexcept {
  switch (status) {
    case BlockStatus::accepted: return "accepted";
    case BlockStatus::duplicate: return "duplicate";
    case BlockStatus::unattributed: return "unattributed";
    case BlockStatus::conflict: return "conflict";
    case BlockStatus::rejected: break;
  }
  return "rejected";
}

void Counters::add(const Counters& other) noexcept {
  requests = plus(requests, other.requests);
  errors = plus(errors, other.errors);
  input_tokens = plus(input_tokens, other.input_tokens);
  output_tokens = plus(output_tokens, other.output_tokens);
  cache_read_tokens = plus(cache_read_tokens, other.cache_read_tokens);
  cache_write_tokens = plus(cache_write_tokens, other.cache_write_tokens);
  if (other.cost_microusd) cost_microusd = plus(cost_microusd.value_or(0), *other.cost_microusd);
}

std::int64_t Counters::tokens() const noexcept {
  return plus(plus(input_tokens, output_tokens), plus(cache_read_tokens, cache_write_tokens));
}

Incoming parseBlock(const Json& json, Timestamp now) {
  if (!json.isObject()) return invalid("a rollup must be an object");
  for (const auto& [name, value] : json.members()) {
    if (std::find(kFields.begin(), kFields.end(), name) == kFields.end()) {
      return invalid("unknown field '" + name.substr(0, 40) + "'");
    }
  }
  Block block;
  const std::string* period = json["period"].asString();
  if (period == nullptr || (*period != "hour" && *period != "day")) return invalid("period must be hour or day");
  block.period = *period == "hour" ? Period::hour : Period::day;

  const std::string* start = json["start_at"].asString();
  const auto at = start != nullptr ? parseRfc3339(*start) : Result<Timestamp>(fail(Errc::bad_encoding));
  if (!at) return invalid("start_at must be an RFC 3339 time");
  block.start_at = *at;
  if (floorTo(*at, lengthOf(block.period)) != *at) {
    return refuse("misaligned", block.period == Period::hour ? "start_at must be a whole hour in UTC"
                                                             : "start_at must be midnight in UTC");
  }
  if (*at > now + kFutureTolerance) return refuse("in_the_future", "start_at is more than an hour in the future; check the clock");
  if (*at < kOldest) return refuse("too_old", "start_at is before 2015");

  const std::string* model = json["model"].asString();
  if (model == nullptr || !isModel(*model)) {
    return invalid("model must be 1 to 128 of the characters A-Z a-z 0-9 . _ : / @ + - [ ], beginning with a letter or digit");
  }
  block.model = *model;
  const std::string* lane = json["lane"].asString();
  if (lane == nullptr || !isLane(*lane)) {
    return invalid("lane must be 1 to 32 of the characters a-z 0-9 _ -, beginning with a letter or digit");
  }
  block.lane = *lane;

  const std::array<std::pair<std::string_view, std::int64_t*>, 6> numbers = {{
      {"requests", &block.counters.requests},
      {"errors", &block.counters.errors},
      {"input_tokens", &block.counters.input_tokens},
      {"output_tokens", &block.counters.output_tokens},
      {"cache_read_tokens", &block.counters.cache_read_tokens},
      {"cache_write_tokens", &block.counters.cache_write_tokens},
  }};
  for (const auto& [name, into] : numbers) {
    const auto value = json[name].asInt();
    if (!value || *value < 0 || *value > kMaxNumber) return invalid(std::string(name) + " must be an integer from 0 to 2^53");
    *into = *value;
  }
  if (const Json* cost = json.find("cost_microusd"); cost != nullptr && !cost->isNull()) {
    const auto value = cost->asInt();
    if (!value || *value < 0 || *value > kMaxNumber) return invalid("cost_microusd must be an integer from 0 to 2^53, or null");
    block.counters.cost_microusd = *value;
  }
  if (const Json* ttft = json.find("ttft"); ttft != nullptr && !ttft->isNull()) {
    auto sketch = Sketch::parse(*ttft);
    if (!sketch) return invalid(sketch.error().detail);
    // An empty sketch says as little as none.
    if (!sketch->empty()) block.ttft = std::move(*sketch);
  }
  if (const Json* revision = json.find("revision"); revision != nullptr) {
    const auto value = revision->asInt();
    if (!value || *value < 1 || *value > kMaxNumber) return invalid("revision must be an integer from 1 to 2^53");
    block.revision = *value;
  }
  return {std::move(block), {}};
}

Result<std::vector<Incoming>> parseRollups(const Json& body, Timestamp now) {
  const auto shape = [](std::string pointer, std::string rule) {
    Error error{Errc::validation_failed, "the body must be {\"rollups\": [at most 1000 blocks]}"};
    error.fields.push_back({std::move(pointer), std::move(rule)});
    return fail(std::move(error));
  };
  if (!body.isObject()) return shape("", "must be an object");
  for (const auto& [name, value] : body.members()) {
    if (name != "rollups") return shape("/" + name, "unknown field");
  }
  const auto* rollups = body["rollups"].asArray();
  if (rollups == nullptr) return shape("/rollups", "must be a list");
  if (rollups->size() > kMaxBlocks) return shape("/rollups", "must have at most 1000 items");
  std::vector<Incoming> out;
  out.reserve(rollups->size());
  for (const auto& item : *rollups) out.push_back(parseBlock(item, now));
  return out;
}

std::string digestOf(const Block& block) {
  const Counters& c = block.counters;
  // Times and numbers as text with separators that no field contains.
  std::string text = std::string(toString(block.period)) + "|" + std::to_string(toMicros(block.start_at)) + "|" + block.model +
                     "|" + block.lane;
  for (const auto n : {c.requests, c.errors, c.input_tokens, c.output_tokens, c.cache_read_tokens, c.cache_write_tokens}) {
    text += "|" + std::to_string(n);
  }
  text += "|" + (c.cost_microusd ? std::to_string(*c.cost_microusd) : std::string("-"));
  text += "|" + (block.ttft ? block.ttft->json().dump() : std::string("-"));
  return sha256Hex(text);
}

BlockResult decide(const std::optional<Stored>& stored, const DayState& day, Period period, std::int64_t revision,
                   std::string_view digest) {
  if (!stored) {
    if (period == Period::day && day.hours) {
      return {BlockStatus::conflict, "hours_exist", "this device has hours for that day already; send hours only"};
    }
    if (period == Period::hour && day.day) {
      return {BlockStatus::conflict, "day_exists", "this device has a day block for that day already"};
    }
    return {};
  }
  if (revision > stored->revision) return {};
  if (revision < stored->revision) {
    return {BlockStatus::duplicate, "stale_revision", "revision " + std::to_string(stored->revision) + " is stored already"};
  }
  if (digest == stored->digest) return {BlockStatus::duplicate, "", ""};
  return {BlockStatus::conflict, "revision_conflict",
          "revision " + std::to_string(revision) + " is stored with other numbers; send a higher revision to replace it"};
}

Timestamp floorTo(Timestamp at, Duration unit) noexcept {
  const auto us = at.time_since_epoch().count();
  auto rest = us % unit.count();
  if (rest < 0) rest += unit.count();
  return fromMicros(us - rest);
}

Timestamp ceilTo(Timestamp at, Duration unit) noexcept {
  const Timestamp floor = floorTo(at, unit);
  return floor == at ? at : floor + unit;
}

std::vector<DayRange> dayRanges(const std::set<Timestamp>& days) {
  std::vector<DayRange> out;
  for (const auto day : days) {
    if (!out.empty() && out.back().until == day) out.back().until = day + kDay;
    else out.push_back({day, day + kDay});
  }
  return out;
}

const char* toString(WindowKind kind) noexcept { return kind == WindowKind::day ? "24h" : "7d"; }

Result<WindowKind> windowKindFrom(std::string_view text) {
  if (text == "24h") return WindowKind::day;
  if (text == "7d") return WindowKind::week;
  return fail(Error{Errc::validation_failed, "window must be 24h or 7d", {{"window", "must be 24h or 7d"}}});
}

Window windowUntil(WindowKind kind, Timestamp until) {
  if (kind == WindowKind::day) {
    const Timestamp end = ceilTo(until, kHour);
    return {kind, end - kDay, end, kHour};
  }
  const Timestamp end = ceilTo(until, kDay);
  return {kind, end - 7 * kDay, end, kDay};
}

std::vector<Timestamp> Window::buckets() const {
  std::vector<Timestamp> out;
  for (Timestamp at = from_at; at < until_at; at += bucket) out.push_back(at);
  return out;
}

Status mayIngest(licensing::AdminOverride admin, std::string_view privacy) {
  if (admin != licensing::AdminOverride::none) {
    return fail(Errc::license_inactive, std::string("the license is ") + licensing::toString(admin) + "; usage is not accepted");
  }
  if (privacy == "local_only") {
    return fail(Errc::forbidden,
                "the organization's privacy tier is local_only: usage stays on your machines and is not accepted here. "
                "A plan with the tier minimized or full accepts rollups (see `ccp plan`)");
  }
  return {};
}

Status mayView(licensing::AdminOverride admin, const std::vector<std::string>& features, const std::string& plan_title) {
  if (admin != licensing::AdminOverride::none) {
    return fail(Errc::license_inactive, std::string("the license is ") + licensing::toString(admin));
  }
  if (std::find(features.begin(), features.end(), "dashboards") == features.end()) {
    return fail(Errc::plan_required, "dashboards are not part of the plan " + plan_title);
  }
  return {};
}

bool showsSeats(bool org_admin, std::int64_t seats, int k) noexcept { return org_admin || seats >= k; }

}  // namespace ccp::usage
