#include "core/decisions/routes.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include "core/base/encoding.hpp"
#include "core/crypto/dsse.hpp"
#include "core/decisions/rules.hpp"
#include "core/decisions/turns.hpp"
#include "core/http/operator_routes.hpp"

namespace ccp::decisions {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxDraft = 3u << 19;  // a pack as base64, its signatures, and what is around it
constexpr std::size_t kTurns = 3;             // replays and walks along the chain, at once
constexpr const char* kOutcomes[] = {"allow", "deny", "error", "timeout", "memory", "stale", "fault"};

tl::unexpected<Error> badField(const std::string& name, const std::string& rule) {
  return fail(Error{Errc::validation_failed, name + " " + rule + ".", {{name, rule}}});
}

/// Whose decisions the caller may see: its organization's, or everybody's.
Result<std::optional<std::string>> whose(const Request& request) {
  const auto& who = request.principal;
  if (who.isOperator()) return std::optional<std::string>();
  if (who.org.empty()) return fail(Errc::forbidden, "Choose an organization first.");
  if (!who.isOrgAdmin() && !(who.kind == http::PrincipalKind::api_key && who.hasScope("policy"))) {
    return fail(Errc::forbidden, "Decisions are shown to owners and admins of the organization, and to API keys with the scope \"policy\".");
  }
  return std::optional<std::string>(who.org);
}

Result<std::optional<Timestamp>> timeOf(const std::string& name, const std::optional<std::string>& text) {
  if (!text || text->empty()) return std::optional<Timestamp>();
  const auto at = parseRfc3339(*text);
  if (!at) return badField(name, "must be an RFC 3339 time");
  return std::optional<Timestamp>(*at);
}

Result<Filter> filterOf(const Request& request) {
  Filter out;
  if (const auto point = request.query.get("point"); point && !point->empty()) {
    out.point = policy::pointFromName(*point);
    if (!out.point) return badField("point", "must be a decision point, such as feature.gate");
  }
  out.outcome = request.query.getOr("outcome", "");
  if (!out.outcome.empty() && std::find(std::begin(kOutcomes), std::end(kOutcomes), out.outcome) == std::end(kOutcomes)) {
    return badField("outcome", "must be allow, deny, error, timeout, memory, stale, or fault for the last four");
  }
  CCP_TRY(out.since, timeOf("since", request.query.get("since")));
  const std::string shadow = request.query.getOr("shadow", "false");
  if (shadow != "true" && shadow != "false") return badField("shadow", "must be true or false");
  out.shadow = shadow == "true";
  out.cursor = request.query.getOr("cursor", "");
  if (!out.cursor.empty() && !isId(out.cursor, "dec")) return badField("cursor", "must be what the page before gave");
  if (const auto limit = request.query.get("limit"); limit && !limit->empty()) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), out.limit);
    if (error != std::errc() || end != limit->data() + limit->size() || out.limit < 1 || out.limit > 200) return badField("limit", "must be from 1 to 200");
  }
  return out;
}

Result<Response> list(const Review& review, const Request& request) {
  CCP_TRY(const auto org, whose(request));
  CCP_TRY(const auto filter, filterOf(request));
  CCP_TRY(const auto page, review.decisions().list(org, filter));
  Json decisions = Json::array();
  for (const auto& decision : page.decisions) decisions.push(decisionJson(decision));
  Json out = Json::object({{"decisions", std::move(decisions)}, {"next_cursor", page.next.empty() ? Json() : Json(page.next)}});
  if (request.principal.isOperator()) {
    const auto status = review.decisions().logStatus();
    out.set("log", Json::object({{"queued", status.queued}, {"written", status.written}, {"dropped", status.dropped}, {"sampled_out", status.sampled_out}}));
  }
  return Response::json(out).noStore();
}

Result<Response> one(const Review& review, const Request& request) {
  CCP_TRY(const auto org, whose(request));
  const std::string& id = request.param("id");
  const std::string explain = request.query.getOr("explain", "false");
  if (explain != "true" && explain != "false") return badField("explain", "must be true or false");
  if (explain == "true") {
    CCP_TRY(const auto explained, review.explain(org, id));
    return Response::json(explained).noStore();
  }
  CCP_TRY(const auto decision, review.decisions().byId(org, id));
  return Response::json(Json::object({{"decision", decisionJson(decision)}})).noStore();
}

Result<Response> chain(const Review& review, const Request& request) {
  CCP_TRY(const auto org, whose(request));
  CCP_TRY(const auto report, review.decisions().verify(org));
  Json broken = Json::array();
  for (const auto& sentence : report.broken) broken.push(sentence);
  return Response::json(Json::object({{"ok", report.broken.empty()}, {"chains", report.chains}, {"records", report.records}, {"broken", std::move(broken)}})).noStore();
}

/// A draft: the payload of a pack, or an envelope whose signatures nobody looks at.
Result<policy::VerifiedPack> draftOf(const Json& body) {
  const Json* pack = body.find("pack");
  if (pack == nullptr || !pack->isObject()) return badField("/pack", "must be a policy pack");
  std::string payload = pack->dump();
  if (pack->find("payloadType") != nullptr) {
    CCP_TRY(auto envelope, crypto::parseDsse(payload, kMaxDraft));
    if (envelope.payload_type != policy::kPayloadPack) return fail(Errc::policy_wrong_type, "The envelope holds \"" + envelope.payload_type + "\", not a pack.");
    payload = std::move(envelope.payload);
  }
  policy::VerifiedPack out;
  CCP_TRY(out.document, policy::parsePack(payload));
  out.sha256 = sha256Hex(payload);
  return out;
}

Json nowJson(const policy::Decision& d) {
  return Json::object({{"allow", d.allow}, {"outcome", policy::toString(d.verdict)}, {"rule", d.rule}, {"reason", d.reason}, {"lane", d.lane}});
}

Result<Response> replay(const Review& review, const Request& request) {
  CCP_TRY(const auto org, whose(request));
  CCP_TRY(const auto body, request.json());
  for (const auto& [name, value] : body.members()) {
    if (name != "pack" && name != "since" && name != "cursor") return badField("/" + name, "is unknown");
  }
  CCP_TRY(const auto since, timeOf("/since", body.optStr("since")));
  const std::string cursor = body.strOr("cursor");
  if (!cursor.empty() && !isId(cursor, "dec")) return badField("/cursor", "must be what the part before gave");
  CCP_TRY(auto draft, draftOf(body));
  CCP_TRY(const auto part, review.replay(org.value_or(std::string(policy::kOperatorSet)), std::move(draft), since, cursor));
  Json flips = Json::array();
  for (const auto& flip : part.flips) {
    flips.push(Json::object({{"flip", policy::toString(flip.flip)}, {"was", decisionJson(flip.was)}, {"now", nowJson(flip.now)}}));
  }
  const auto& r = part.report;
  return Response::json(Json::object({{"total", r.total},
                                      {"same", r.same},
                                      {"newly_denied", r.newly_denied},
                                      {"newly_allowed", r.newly_allowed},
                                      {"rerouted", r.rerouted},
                                      {"faults", r.faults},
                                      {"indeterminate", r.indeterminate},
                                      {"p50_us", r.p50.count()},
                                      {"p99_us", r.p99.count()},
                                      {"flips", std::move(flips)},
                                      {"next_cursor", part.next.empty() ? Json() : Json(part.next)}}))
      .noStore();
}

}  // namespace

Json decisionJson(const LoggedDecision& decision) {
  Json out = recordJson(decision);
  out.set("digest", decision.digest);
  out.set("input_kept", decision.input_kept);
  return out;
}

void addRoutes(http::Router& router, const Review& review) {
  using Answer = Result<Response> (*)(const Review&, const Request&);
  const auto with = [&review](Answer answer) { return [&review, answer](const Request& request) { return answer(review, request); }; };
  const auto turns = std::make_shared<Turns>(kTurns);
  const auto inTurn = [&review, turns](Answer answer) {
    return [&review, turns, answer](const Request& request) -> Result<Response> {
      CCP_TRY(const auto org, whose(request));
      const Turns::Turn turn(*turns, org.value_or(""));
      CCP_CHECK_OK(turn.check());
      return answer(review, request);
    };
  };
  const auto client = [](const char* summary) {
    http::RouteOptions options;
    options.auth = http::Auth::client;
    options.summary = summary;
    return options;
  };
  auto draft = client("Decide the past again with a draft of a policy pack");
  draft.content_types = {"application/json"};
  draft.max_body = kMaxDraft;
  auto operator_draft = http::operatorOnly("Decide everybody's past again with a draft of an operator's policy pack");
  operator_draft.max_body = kMaxDraft;

  router.get("/v1/policy/decisions", client("What policies decided, newest first"), with(list));
  router.get("/v1/policy/decisions/chain", client("Is the log of decisions what was written?"), inTurn(chain));
  router.get("/v1/policy/decisions/{id}", client("A decision; with explain=true decided again, line by line"), with(one));
  router.post("/v1/policy/replay", draft, inTurn(replay));
  router.get("/v1/admin/policy/decisions", http::operatorOnly("What policies decided, for every organization"), with(list));
  router.get("/v1/admin/policy/decisions/chain", http::operatorOnly("Is the log of decisions what was written, for every organization?"), inTurn(chain));
  router.get("/v1/admin/policy/decisions/{id}", http::operatorOnly("A decision of any organization"), with(one));
  router.post("/v1/admin/policy/replay", operator_draft, inTurn(replay));
}

}  // namespace ccp::decisions
