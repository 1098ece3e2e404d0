// Level 3: the interfaces, by generated and by recorded input.
#include <algorithm>

#include "ccp/abi/all.h"
#include "core/base/encoding.hpp"
#include "sdk/conformance/fixtures.hpp"
#include "sdk/conformance/schemas.hpp"
#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {

void answers(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  int asked = 0, refused = 0;
  for (const auto& op : t.operations()) {
    const auto inputs = t.inputs(op);
    if (inputs.empty()) t.note("no input for " + op.text() + ": its schema is beyond the kit; add conformance/" + op.name + "/*.json");
    for (const auto& in : inputs) {
      if (t.enough()) return;
      const std::string text = in.dump();
      t.step(op.text() + " with " + text.substr(0, 300));
      const Outcome answer = unit->op(op.interface_id, op.name, text);
      if (!t.checkResult(op, answer, "with " + text.substr(0, 200))) continue;
      // An exporter may leave out streams, not operations: for it the word has another meaning.
      if (answer.rc == CCP_RC_UNIMPLEMENTED && op.required && op.interface_id != CCP_EXPORTER_ID) {
        t.fail(op.text() + " answered UNIMPLEMENTED", "an implementation: a host cannot do without this operation", "Implement it, or take " + op.interface_id + " out of `provides`.");
      }
      if (answer.rc == CCP_RC_INTERNAL) {
        t.fail(op.text() + " with " + text.substr(0, 200) + " answered " + answer.text(), "another class: INTERNAL means a bug of the plugin, and this input fits its schema",
               "Return INVALID_ARGUMENT for what you cannot take, UNAVAILABLE when the network is down.");
      }
      ++asked;
      refused += answer.rc != CCP_RC_OK;
    }
  }
  t.note(std::to_string(asked) + " calls, " + std::to_string(asked - refused) + " of them OK; the network is down in this test");
}

void fixtures(Context& t) {
  if (t.subject.fixtures.empty()) return t.skip("there is no folder conformance/ beside the plugin");
  int played = 0;
  for (const auto& op : t.operations()) {
    for (const auto& fixture : fixturesOf(t.subject, op.interface_id, op.name)) {
      ++played;
      if (!fixture.problem.empty()) {
        t.fail(fixture.file + ": " + fixture.problem, "a fixture", "See docs/plugin-guide/conformance.md.");
        continue;
      }
      KitHost host(t.subject, t.config().value_or(Json()));
      host.fixed_wall_us = fixture.now_us;
      const auto unit = t.ready(host);
      if (!unit) return;
      HttpScript script(withScratch(fixture.http, t.scratch));
      host.on_http = [&](const HttpAsk& ask) { return script.answer(ask); };
      t.step(fixture.file);
      const Outcome answer = unit->op(op.interface_id, op.name, withScratch(fixture.in, t.scratch).dump());
      if (!t.checkResult(op, answer, "with " + fixture.file)) continue;
      const ccp_rc wanted = rcFromName(fixture.expect.strOr("rc", "OK"));
      const std::string what = fixture.file + ": " + op.text();
      if (answer.rc != wanted) {
        t.fail(what + " answered " + answer.text() + (script.complaint().empty() ? "" : "; " + script.complaint()), rcName(wanted), "Correct the plugin, or record the fixture again.");
        continue;
      }
      if (const std::string complaint = script.complaint(); !complaint.empty()) t.fail(what + ": " + complaint, "the requests of the fixture, in their order", "Correct the plugin, or record the fixture again.");
      const Json out = answer.out.empty() ? Json() : parseJson(answer.out, {std::size_t{64} << 20, 64}).value_or(Json());
      if (const Json& expected = fixture.expect["out"]; !expected.isNull()) {
        if (const std::string at = difference(withScratch(expected, t.scratch), out); !at.empty()) t.fail(what + ": the result differs: " + at, "what expect.out says", "Correct the plugin, or record the fixture again.");
      }
      if (const auto* code = fixture.expect["code"].asString()) {
        const std::string found = parseJson(answer.err).value_or(Json()).strOr("code");
        if (found != *code) t.fail(what + ": the code is \"" + found + "\"", "\"" + *code + "\"", "Correct the plugin, or record the fixture again.");
      }
    }
  }
  if (played == 0) return t.skip("conformance/ holds no fixture for an operation of this plugin");
  t.note(std::to_string(played) + " fixtures");
}

void pure(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  host.fixed_wall_us = 1795262400000000;
  const auto unit = t.ready(host);
  if (!unit) return;
  int checked = 0;
  for (const auto& op : t.operations()) {
    if (!Context::isPure(op)) continue;
    for (const auto& in : t.inputs(op)) {
      ++checked;
      const std::string text = in.dump();
      t.step(op.text() + ", twice");
      host.forget();
      const Outcome first = unit->op(op.interface_id, op.name, text);
      const Outcome second = unit->op(op.interface_id, op.name, text);
      if (first.rc != second.rc || first.out != second.out) {
        t.fail(op.text() + " answered " + first.text() + " " + first.out.substr(0, 120) + " and then " + second.text() + " " + second.out.substr(0, 120), "the same answer for the same input at the same time",
               "This operation is pure: no counters, no randomness, no order of hash tables.");
      }
      if (host.effects() > 0) t.fail(op.text() + " used services of the host that reach outside", "a pure operation: no network, no store, no events", "Do it in an operation that is not pure.");
    }
  }
  if (checked == 0) t.skip("no interface of this plugin has pure operations that the kit has input for");
}

void unsignedWebhook(Context& t) {
  const std::pair<const char*, const char*> verifiers[] = {{CCP_BILLING_ID, "verify_webhook"}, {CCP_INBOUND_ID, "verify"}};
  KitHost host(t.subject, t.config().value_or(Json()));
  std::unique_ptr<Unit> unit;
  for (const auto& [interface_id, name] : verifiers) {
    if (!t.subject.provides(interface_id)) continue;
    if (!unit) unit = t.ready(host);
    if (!unit) return;
    const Operation op{interface_id, name, true};
    const Json headers[] = {Json::array(), Json::array({Json::array({"webhook-id", "msg_1"}), Json::array({"webhook-timestamp", std::to_string(toUnixSeconds(SystemClock().now()))}),
                                                        Json::array({"webhook-signature", "v1," + base64Encode(bytesOf(std::string(32, 'x')))})})};
    for (const auto& list : headers) {
      const std::string body = base64UrlEncode(bytesOf("{\"type\":\"subscription.active\"}"));
      const Json request = std::string_view(interface_id) == CCP_BILLING_ID
                               ? Json::object({{"headers", list}, {"body", body}})
                               : Json::object({{"method", "POST"}, {"headers", list}, {"body_base64url", body}, {"received_at", formatRfc3339(SystemClock().now())}});
      const std::string in = request.dump();
      t.step(op.text() + " without a valid signature");
      const Outcome answer = unit->op(interface_id, name, in);
      t.checkResult(op, answer, "without a valid signature");
      if (answer.rc != CCP_RC_UNAUTHENTICATED) {
        t.fail(op.text() + (list.empty() ? " without signature headers" : " with a wrong signature") + " answered " + answer.text(), "UNAUTHENTICATED", "Anybody can send to this address: accept only what verifies.");
      }
    }
  }
  if (!unit && !t.failed()) t.skip("the plugin takes no webhooks");
}

namespace {

std::string batch(std::int64_t first, std::int64_t last) {
  Json records = Json::array();
  for (auto sequence = first; sequence <= last; ++sequence) {
    records.push(Json::object({{"sequence", sequence}, {"id", "evt_" + std::to_string(sequence)}, {"type", "thing.happened"}, {"occurred_at", "2026-11-21T12:00:00Z"},
                               {"org", "org_conformance"}, {"data", Json::object({{"n", sequence}})}}));
  }
  return Json::object({{"stream", "events"}, {"first_sequence", first}, {"last_sequence", last}, {"records", records}}).dump();
}

}  // namespace

void exporterAck(Context& t) {
  if (!t.subject.provides(CCP_EXPORTER_ID)) return t.skip("the plugin is no exporter");
  KitHost host(t.subject, t.config().value_or(Json()));
  host.on_http = [](const HttpAsk&) { return HttpAnswer{CCP_RC_OK, 200, {{"content-type", "application/json"}}, "{}"}; };
  const auto unit = t.ready(host);
  if (!unit) return;
  t.step("open");
  const Outcome opened = unit->op(CCP_EXPORTER_ID, "open", R"({"stream":"events","cursor":0})");
  if (opened.lost.empty() && opened.rc != CCP_RC_OK) return t.skip("the exporter opens nothing here: " + opened.text());
  t.checkResult({CCP_EXPORTER_ID, "open", true}, opened, "of events");
  const Operation write{CCP_EXPORTER_ID, "write_batch", true};
  std::int64_t acknowledged = 0;
  // The second batch comes twice: an answer may have been lost on its way.
  const std::pair<std::int64_t, std::int64_t> batches[] = {{1, 3}, {4, 6}, {4, 6}, {7, 7}};
  for (const auto& [first, last] : batches) {
    const std::string what = "with " + std::to_string(first) + ".." + std::to_string(last);
    t.step("write_batch " + what);
    const Outcome answer = unit->op(CCP_EXPORTER_ID, "write_batch", batch(first, last));
    if (!t.checkResult(write, answer, what)) return;
    if (answer.rc != CCP_RC_OK) {
      t.fail("write_batch " + what + " answered " + answer.text(), "OK: the stream was opened", "Give a configuration that works without a network in conformance/config.json.");
      return;
    }
    const std::int64_t now = parseJson(answer.out).value_or(Json()).intOr("last_sequence", -1);
    if (now > last) t.fail("write_batch " + what + " acknowledged " + std::to_string(now), "at most " + std::to_string(last) + ": nothing else was sent", "Answer the sequence of the last record that is durable.");
    if (now < acknowledged) t.fail("write_batch " + what + " acknowledged " + std::to_string(now) + " after " + std::to_string(acknowledged), "an acknowledgement that never goes back", "What was durable stays durable.");
    acknowledged = std::max(acknowledged, now);
  }
  for (const char* end : {"flush", "close"}) {
    t.step(end);
    const Outcome answer = unit->op(CCP_EXPORTER_ID, end, R"({"stream":"events"})");
    t.checkResult({CCP_EXPORTER_ID, end, true}, answer, "after the batches");
    if (answer.lost.empty() && answer.rc != CCP_RC_OK) t.fail(std::string(end) + " answered " + answer.text(), "OK", "Answer {}.");
  }
}

void identityKind(Context& t) {
  if (!t.subject.provides(CCP_IDENTITY_ID)) return t.skip("the plugin is no identity provider");
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  t.step("describe");
  const Outcome answer = unit->op(CCP_IDENTITY_ID, "describe", "{}");
  if (!t.checkResult({CCP_IDENTITY_ID, "describe", true}, answer, "")) return;
  const std::string kind = parseJson(answer.out).value_or(Json()).strOr("kind");
  for (const char* name : {"begin", kind == "device" ? "poll" : "complete"}) {
    t.step(name);
    const Operation op{CCP_IDENTITY_ID, name, true};
    for (const auto& in : t.inputs(op)) {
      if (unit->op(CCP_IDENTITY_ID, name, in.dump()).rc == CCP_RC_UNIMPLEMENTED) {
        t.fail(std::string(name) + " answered UNIMPLEMENTED; describe says kind \"" + kind + "\"", "what the kind needs: device begin and poll, redirect begin and complete", "Implement it, or describe another kind.");
      }
    }
  }
}

}  // namespace ccp::kit::tests
