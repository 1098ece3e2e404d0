#include "core/policies/routes.hpp"

#include <algorithm>
#include <charconv>

#include "core/http/rate_limit.hpp"
#include "core/policies/render.hpp"
#include "core/policies/repository.hpp"

namespace ccp::policies {
namespace {

using http::Request;
using http::Response;
using policy::Channel;

constexpr std::size_t kMaxEnvelope = 3u << 19;  // 1.5 MiB: 1 MiB of payload as base64, and signatures
constexpr std::size_t kMaxBody = 16u << 10;
constexpr std::size_t kMaxReason = 500;
constexpr int kLongestWaitS = 55;
constexpr int kShownClients = 50;

/// Which set a request is about, and whether its caller may do so.
using SetOf = std::function<Result<std::string>(const Request&)>;

Status requireOrg(const http::Principal& who) {
  if (who.org.empty()) return fail(Errc::forbidden, "Choose an organization first.");
  return {};
}

Result<std::string> readableSet(const Request& request) {
  if (request.principal.isOperator()) return std::string(policy::kOperatorSet);
  CCP_CHECK_OK(requireOrg(request.principal));
  const std::string set = request.query.getOr("set", "org");
  if (set == "org") return request.principal.org;
  if (set == policy::kOperatorSet) return set;
  return fail(Error{Errc::validation_failed, "set must be org or operator.", {{"set", "must be org or operator"}}});
}

Result<std::string> ownSet(const Request& request) {
  if (request.principal.isOperator()) return std::string(policy::kOperatorSet);
  CCP_CHECK_OK(requireOrg(request.principal));
  if (!request.principal.isOrgAdmin()) return fail(Errc::forbidden, "Policies are published by owners and admins of the organization.");
  return request.principal.org;
}

Result<Json> bodyWith(const Request& request, std::initializer_list<std::string_view> allowed) {
  CCP_TRY(auto body, request.json());
  Error error{Errc::validation_failed, "The body has an unknown member."};
  for (const auto& [name, value] : body.members()) {
    if (std::find(allowed.begin(), allowed.end(), name) == allowed.end()) error.fields.push_back({"/" + name, "unknown"});
  }
  if (!error.fields.empty()) return fail(std::move(error));
  return body;
}

Result<std::string> reasonOf(const Json& body, bool required) {
  if (!required && !body.find("reason")) return std::string();
  CCP_TRY(auto reason, body.str("reason"));
  if (reason.empty() || reason.size() > kMaxReason) return fail(Error{Errc::validation_failed, "reason must have 1 to 500 bytes.", {{"/reason", "1 to 500 bytes"}}});
  return reason;
}

Result<Channel> channelNamed(const std::string& name, const char* where) {
  if (const auto channel = policy::channelFromName(name)) return *channel;
  return fail(Error{Errc::validation_failed, "The channel must be dev or prod.", {{where, "must be dev or prod"}}});
}

/// What a client has, without the quotes of its ETag; weak ones count too.
std::string haveOf(const Request& request) {
  std::string tag = request.headers.get("If-None-Match");
  if (tag.starts_with("W/")) tag.erase(0, 2);
  if (tag.size() >= 2 && tag.front() == '"' && tag.back() == '"') tag = tag.substr(1, tag.size() - 2);
  return tag;
}

/// RFC 7240: "wait=55", perhaps among others.
int waitOf(const Request& request) {
  for (const auto& field : request.headers.all("Prefer")) {
    std::size_t at = 0;
    while (at < field.size()) {
      const auto end = std::min(field.find_first_of(",;", at), field.size());
      std::string_view item(field.data() + at, end - at);
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      at = end + 1;
      if (!item.starts_with("wait=")) continue;
      item.remove_prefix(5);
      int seconds_asked = 0;
      const auto [rest, error] = std::from_chars(item.data(), item.data() + item.size(), seconds_asked);
      if (error == std::errc() && rest == item.data() + item.size()) return std::clamp(seconds_asked, 0, kLongestWaitS);
    }
  }
  return 0;
}

Response tagged(Response response, const std::string& sha256) {
  response.header("ETag", "\"" + sha256 + "\"").header("Cache-Control", "private, no-cache");
  return response;
}

Response envelope(std::string text, const std::string& sha256) {
  auto response = Response::text(std::move(text));
  response.header("Content-Type", "application/json");
  return tagged(std::move(response), sha256);
}

Response unchanged(const std::string& sha256) { return tagged(Response::empty(304), sha256); }

/// What a long poll follows, and what it knew when it began to wait.
struct Watch {
  std::string set;
  Channel channel;
  std::string have;
  std::string other;       ///< a second set; empty: none
  std::string other_head;  ///< of it, at first
  Deadline until = Deadline::none();
};

/// News for who waits, or the wait goes on without a thread.
Result<Response> watchOn(Feature& feature, const std::shared_ptr<const Watch>& watch) {
  const auto& bell = feature.node().bell();
  const auto seen = bell->rung();  // before looking
  CCP_TRY(auto now, feature.source().channel(watch->set, watch->channel, watch->have, {}));
  if (now) {
    const std::string sha256 = sha256Hex(*now);
    return envelope(std::move(*now), sha256);
  }
  if (!watch->other.empty()) {
    CCP_TRY(const auto other_now, feature.source().head(watch->other, watch->channel));
    if (other_now != watch->other_head) return unchanged(watch->have);
  }
  auto resume = [&feature, watch](const Request&) { return watchOn(feature, watch); };
  return std::move(unchanged(watch->have).park({bell, seen, watch->until, std::move(resume)}));
}

Result<Response> channelAnswer(Feature& feature, const Request& request) {
  const auto channel = policy::channelFromName(request.param("channel"));
  if (!channel) return fail(Errc::not_found, "There is no channel of this name; there are dev and prod.");
  CCP_TRY(const auto set, readableSet(request));
  const std::string have = haveOf(request);
  const int wait_s = have.empty() ? 0 : waitOf(request);
  if (wait_s == 0) {
    CCP_TRY(auto now, feature.source().channel(set, *channel, have, {}));
    if (!now) return unchanged(have);
    const std::string sha256 = sha256Hex(*now);
    return envelope(std::move(*now), sha256);
  }
  // Who waits for one set hears of the other as well: one wait is enough for a client that follows both.
  Watch watch{set, *channel, have, set == policy::kOperatorSet ? request.principal.org : std::string(policy::kOperatorSet), {},
              Deadline::after(feature.clock(), seconds(wait_s))};
  if (!watch.other.empty()) {
    CCP_TRY(watch.other_head, feature.source().head(watch.other, *channel));
  }
  return watchOn(feature, std::make_shared<const Watch>(std::move(watch)));
}

Result<Response> packAnswer(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, readableSet(request));
  const std::string& sha256 = request.param("sha256");
  if (!policy::isDigest(sha256)) return fail(Errc::not_found, "A policy pack is named by 64 hexadecimal digits.");
  CCP_TRY(auto text, feature.source().pack(set, sha256, kMaxEnvelope, request.deadline));
  // Signatures may be added, so that the digest in the path is not the envelope's.
  const std::string tag = sha256Hex(text);
  if (haveOf(request) == tag) return unchanged(tag);
  return envelope(std::move(text), tag);
}

Result<Response> rootAnswer(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, readableSet(request));
  const std::string& text = request.param("version");
  std::int64_t version = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (error != std::errc() || end != text.data() + text.size() || version < 1) return fail(Errc::not_found, "A policy root is named by its version.");
  CCP_TRY(auto found, feature.source().root(set, version, request.deadline));
  if (!found) return fail(Errc::not_found, "There is no policy root of version " + text + ".");
  const std::string tag = sha256Hex(*found);
  if (haveOf(request) == tag) return unchanged(tag);
  return envelope(std::move(*found), tag);
}

Result<Response> keysAnswer(Feature& feature) {
  Json keys = Json::array();
  for (const auto& key : feature.keys().channelKeys()) {
    keys.push(Json::object({{"kid", key.kid}, {"jwk", key.key.jwk()}, {"state", key.state}, {"not_before_at", formatRfc3339(key.not_before_at)}}));
  }
  return Response::json(Json::object({{"keys", std::move(keys)}})).noStore();
}

Json setJson(Feature& feature, const std::string& set, bool own) {
  const auto root_seen = feature.publishing().root(set);
  const auto root = root_seen ? *root_seen : std::nullopt;
  Json channels = Json::array();
  for (const auto channel : {Channel::dev, Channel::prod}) {
    const auto view = feature.publishing().view(set, channel);
    if (!view) {
      // Somebody edited the rows: all the more reason to show the rest.
      channels.push(Json::object({{"channel", policy::toString(channel)}, {"problem", view.error().text()}}));
    } else if (*view) {
      channels.push(render(**view));
    }
  }
  Json root_json = root ? render(*root) : Json();
  if (!root_seen) root_json = Json::object({{"problem", root_seen.error().text()}});
  return Json::object({{"set", own && set != policy::kOperatorSet ? "org" : set},
                       {"org", set},
                       {"root", std::move(root_json)},
                       {"one_person", root ? Json(root->prod_threshold <= 1) : Json()},
                       {"channels", std::move(channels)}});
}

Json nodeJson(Feature& feature, const std::vector<NodeReport>& reports) {
  Json sets = Json::array();
  for (const auto& report : reports) sets.push(render(report));
  const auto& options = feature.node().options();
  return Json::object({{"id", options.id}, {"channel", policy::toString(options.channel)}, {"sets", std::move(sets)}});
}

Result<Response> statusAnswer(Feature& feature, const Request& request) {
  const auto& who = request.principal;
  std::vector<std::string> names{std::string(policy::kOperatorSet)};
  if (!who.isOperator()) {
    CCP_CHECK_OK(requireOrg(who));
    names.push_back(who.org);
  }
  Json sets = Json::array();
  std::vector<NodeReport> reports;
  for (const auto& name : names) {
    sets.push(setJson(feature, name, !who.isOperator()));
    if (auto report = feature.node().report(name)) reports.push_back(std::move(*report));
  }
  if (who.isOperator()) reports = feature.node().reports();
  if (reports.empty() || reports.front().set != policy::kOperatorSet) {
    if (auto report = feature.node().report(std::string(policy::kOperatorSet))) reports.insert(reports.begin(), std::move(*report));
  }
  Json clients = Json::array();
  if (!who.isOperator() && who.isOrgAdmin()) {
    CCP_TRY(const auto rows, feature.reports().newest(who.org, kShownClients));
    for (const auto& row : rows) clients.push(render(row, who.org));
  }
  Json out = Json::object({{"sets", std::move(sets)}, {"node", nodeJson(feature, reports)}, {"clients", std::move(clients)}});
  if (who.isOperator()) {  // it counts what every organization does
    const auto log = feature.decisions().logStatus();
    out.set("log", Json::object({{"queued", log.queued}, {"written", log.written}, {"dropped", log.dropped}, {"sampled_out", log.sampled_out}}));
  }
  return Response::json(out).noStore();
}

// --- writing --------------------------------------------------------------------------------------

Result<Response> rootUpload(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, ownSet(request));
  if (!request.principal.isOperator() && request.principal.role != "owner") return fail(Errc::forbidden, "The policy root is the owner's to set.");
  CCP_TRY(const auto info, feature.publishing().addRoot(set, request.body, request.principal.actor()));
  return Response::json(render(info), info.changed ? 201 : 200).noStore();
}

Result<Response> push(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, ownSet(request));
  CCP_TRY(const auto done, feature.publishing().push(set, request.body, request.principal.actor()));
  return Response::json(render(done), done.changed ? 201 : 200).noStore();
}

Result<Response> promote(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, ownSet(request));
  CCP_TRY(const auto body, bodyWith(request, {"name", "version", "to", "max_flip", "force", "dry_run", "expected_version", "reason"}));
  PromoteRequest wanted;
  CCP_TRY(wanted.name, body.str("name"));
  CCP_TRY(wanted.version, body.integer("version"));
  CCP_TRY(wanted.to, channelNamed(body.strOr("to", "prod"), "/to"));
  if (const auto* flip = body.find("max_flip")) {
    wanted.max_flip = flip->asDouble();
    if (!wanted.max_flip || !(*wanted.max_flip >= 0 && *wanted.max_flip <= 1)) return fail(Error{Errc::validation_failed, "max_flip must be between 0 and 1.", {{"/max_flip", "between 0 and 1"}}});
  }
  wanted.force = body.boolOr("force");
  wanted.dry_run = body.boolOr("dry_run");
  wanted.expected_version = body.optInt("expected_version");
  CCP_TRY(wanted.reason, reasonOf(body, !wanted.dry_run));
  CCP_TRY(const auto done, feature.publishing().promote(set, wanted, request.principal.actor()));
  return Response::json(render(done)).noStore();
}

Result<Response> rollback(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, ownSet(request));
  CCP_TRY(const auto body, bodyWith(request, {"channel", "to", "reason"}));
  CCP_TRY(const auto name, body.str("channel"));
  CCP_TRY(const auto channel, channelNamed(name, "/channel"));
  CCP_TRY(const auto reason, reasonOf(body, true));
  CCP_TRY(const auto done, feature.publishing().rollback(set, channel, body.optInt("to"), reason, request.principal.actor()));
  return Response::json(render(done)).noStore();
}

Result<Response> revoke(Feature& feature, const Request& request) {
  CCP_TRY(const auto set, ownSet(request));
  CCP_TRY(const auto body, bodyWith(request, {"sha256", "reason"}));
  CCP_TRY(const auto sha256, body.str("sha256"));
  CCP_TRY(const auto reason, reasonOf(body, true));
  CCP_TRY(const auto done, feature.publishing().revoke(set, sha256, reason, request.principal.actor()));
  Json out = Json::array();
  for (const auto& one : done) out.push(render(one));
  return Response::json(Json::object({{"publications", std::move(out)}})).noStore();
}

http::RouteOptions reading(http::Auth auth, const char* summary) {
  http::RouteOptions out;
  out.auth = auth;
  out.summary = summary;
  return out;
}

http::RouteOptions writing(http::Auth auth, const char* summary, std::size_t max_body = kMaxBody) {
  http::RouteOptions out;
  out.auth = auth;
  out.max_body = max_body;
  out.content_types = {"application/json"};
  out.idempotent = true;
  out.timeout = seconds(60);  // packs are tested before they are published
  out.summary = summary;
  return out;
}

}  // namespace

void addRoutes(http::Router& router, Feature& feature) {
  // Per organization, and once for the operator: publishing examines, which costs.
  const auto limiter = std::make_shared<http::RateLimiter>(feature.clock(), 60, minutes(1));
  const auto chatter = std::make_shared<http::RateLimiter>(feature.clock(), 120, minutes(1));
  const auto limited = [&feature, limiter](Result<Response> (*handler)(Feature&, const Request&)) -> http::Handler {
    return [&feature, limiter, handler](const Request& request) -> Result<Response> {
      // Whoever may not publish takes nothing from those who may.
      CCP_TRY(const auto set, ownSet(request));
      CCP_CHECK_OK(limiter->take(set));
      return handler(feature, request);
    };
  };
  for (const bool admin : {false, true}) {
    const std::string base = admin ? "/v1/admin/policy" : "/v1/policy";
    const auto auth = admin ? http::Auth::operator_key : http::Auth::client;
    auto channel = reading(auth, "What is live on a channel, signed; waits for news with Prefer: wait");
    channel.timeout = seconds(kLongestWaitS + 5);
    router.get(base + "/{channel}", channel, [&feature](const Request& r) { return channelAnswer(feature, r); });
    router.get(base + "/packs/{sha256}", reading(auth, "A signed policy pack"), [&feature](const Request& r) { return packAnswer(feature, r); });
    router.get(base + "/root/{version}", reading(auth, "A version of the policy root"), [&feature](const Request& r) { return rootAnswer(feature, r); });
    router.get(base + "/keys", reading(auth, "Keys of this server that a policy root may list"), [&feature](const Request&) { return keysAnswer(feature); });
    router.get(base + "/status", reading(auth, "Policy sets, what this node decides with, and what clients report"),
               [&feature](const Request& r) { return statusAnswer(feature, r); });
    router.post(base + "/root", writing(auth, "Upload the first policy root, or the next one", kMaxEnvelope), limited(&rootUpload));
    router.post(base + "/push", writing(auth, "Publish a signed policy pack on dev, or add signatures to one", kMaxEnvelope), limited(&push));
    router.post(base + "/promote", writing(auth, "Publish a pushed pack on prod, after a look at what it changes"), limited(&promote));
    router.post(base + "/rollback", writing(auth, "Publish the packs of an earlier version again"), limited(&rollback));
    router.post(base + "/revoke", writing(auth, "Never take this pack again, on any channel"), limited(&revoke));
  }
  auto report = writing(http::Auth::client, "Say which policies this client enforces");
  report.idempotent = false;
  router.post("/v1/policy/status", report, [&feature, chatter](const Request& request) -> Result<Response> {
    CCP_CHECK_OK(requireOrg(request.principal));
    CCP_CHECK_OK(chatter->take(request.principal.actor() + request.principal.device));
    CCP_TRY(const auto body, bodyWith(request, {"set", "channel", "version", "sha256", "generation", "state", "source", "last_error", "staleness_s", "packs", "instance", "counters"}));
    CCP_TRY(const auto answer, feature.reports().take(request.principal, body));
    return Response::json(answer).noStore();
  });
  router.post("/v1/admin/policy/reload", writing(http::Auth::operator_key, "Let this node look for new policies now"), [&feature](const Request& request) -> Result<Response> {
    CCP_TRY([[maybe_unused]] const auto body, bodyWith(request, {}));
    return Response::json(Json::object({{"node", nodeJson(feature, feature.node().reload())}})).noStore();
  });
}

}  // namespace ccp::policies
