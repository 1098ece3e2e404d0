// Level 4: the hostile host. Deadlines that are over, callers that left, sinks that fail, services that are
// missing or old, input that nobody should send, clocks that jump.
#include <algorithm>
#include <functional>

#include "core/base/encoding.hpp"
#include "core/package/interfaces.hpp"
#include "sdk/conformance/fixtures.hpp"
#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

constexpr std::int64_t kPromptUs = 2000000;  ///< what "at once" may take, sanitizers included
constexpr int kDepth = 100000;
constexpr std::size_t kLongTexts = 1;  ///< per operation: a mebibyte takes its time in builds without optimisation

/// Calls `each` with every input of every operation of a fresh instance.
void forEveryInput(Context& t, Unit& unit, const std::function<void(Unit&, const Operation&, const Json&)>& each) {
  for (const auto& op : t.operations()) {
    for (const auto& in : t.inputs(op)) {
      if (t.enough()) return;
      each(unit, op, in);
    }
  }
}

void checkHealthAfter(Context& t, Unit& unit, const std::string& what) {
  t.step("health after " + what);
  t.checkOk(unit.control(Fn::health), "health after " + what);
}

/// The wrong input answered as anything that is allowed, and quickly.
void survive(Context& t, Unit& unit, const Operation& op, const std::string& in, const std::string& what, const CallOptions& options = {}) {
  t.step(op.text() + " " + what);
  const Outcome answer = unit.op(op.interface_id, op.name, in, options);
  // A result for wrong input need not fit the schema of results, but it must be JSON.
  if (!answer.lost.empty() || answer.rc != CCP_RC_OK) {
    t.checkAnswer(op, answer, what);
  } else if (!parseJson(answer.out, {std::size_t{64} << 20, 64})) {
    t.fail(op.text() + " " + what + ": OK, with \"" + answer.out.substr(0, 120) + "\"", "one JSON value in UTF-8, at most 64 levels deep", "Never copy input into output unchecked.");
  }
}

/// Every object of `value` gets a member that no schema names.
Json withUnknown(const Json& value) {
  if (value.isArray()) {
    Json out = Json::array();
    for (const auto& item : value.items()) out.push(withUnknown(item));
    return out;
  }
  if (!value.isObject()) return value;
  Json out = Json::object();
  for (const auto& [key, member] : value.members()) out.set(key, withUnknown(member));
  out.set("x_added_in_a_later_revision", Json::object({{"a", Json::array({1, "two", Json()})}}));
  return out;
}

/// Every text of `value` replaced, one after the other at most `most` times.
void replaceTexts(const Json& value, const std::string& with, const std::function<Json(const Json&)>& rebuild, std::vector<Json>& out, std::size_t most) {
  if (out.size() >= most) return;
  if (value.isString()) {
    out.push_back(rebuild(Json(with)));
    return;
  }
  if (value.isArray()) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      replaceTexts(value.items()[i], with, [&, i](const Json& inner) { Json copy = value; (*copy.asArray())[i] = inner; return rebuild(copy); }, out, most);
    }
  }
  for (const auto& [key, member] : value.members()) {
    const std::string name = key;
    replaceTexts(member, with, [&, name](const Json& inner) { Json copy = value; copy.set(name, inner); return rebuild(copy); }, out, most);
  }
}

std::vector<Json> withTexts(const Json& value, const std::string& text, std::size_t most = 6) {
  std::vector<Json> out;
  replaceTexts(value, text, [](const Json& whole) { return whole; }, out, most);
  return out;
}

}  // namespace

void expiredDeadline(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  CallOptions options;
  options.deadline_ms = -1000;
  forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) {
    t.step(op.text() + " with a deadline that is over");
    const Outcome answer = u.op(op.interface_id, op.name, in.dump(), options);
    if (t.mode == Mode::process && !answer.lost.empty()) return;  // the process may be ended for it; ccpd starts another one
    t.checkAnswer(op, answer, "with a deadline that is over");
    if (answer.took_us > kPromptUs) t.fail(op.text() + " ran " + std::to_string(answer.took_us / 1000) + " ms past its deadline", "an answer at once", "Ask for the deadline before long work; host services do it for you.");
    if (answer.rc == CCP_RC_INTERNAL) t.fail(op.text() + " with a deadline that is over answered " + answer.text(), "DEADLINE_EXCEEDED, or a result", "Pass on the class that the host's service returned.");
  });
}

void cancelled(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  // In mid-call: the network answers once, then the caller is gone.
  std::atomic<bool> gone{false};
  host.on_http = [&](const HttpAsk&) {
    gone = true;
    return HttpAnswer::refused(CCP_RC_CANCELLED);
  };
  forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) {
    for (const bool from_the_start : {true, false}) {
      gone = from_the_start;
      CallOptions options;
      options.cancelled = &gone;
      t.step(op.text() + (from_the_start ? ", cancelled before it began" : ", cancelled in mid-call"));
      const Outcome answer = u.op(op.interface_id, op.name, in.dump(), options);
      t.checkAnswer(op, answer, "whose caller went away");
      if (answer.took_us > kPromptUs) t.fail(op.text() + " went on for " + std::to_string(answer.took_us / 1000) + " ms after its caller left", "an answer at once", "Poll is_cancelled in loops (SDK: call.throwIfCancelled()).");
      if (answer.rc == CCP_RC_INTERNAL) t.fail(op.text() + " whose caller went away answered " + answer.text(), "CANCELLED, or a result", "Pass on the class that the host's service returned.");
    }
  });
  checkHealthAfter(t, *unit, "cancelled calls");
}

void failingSink(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) {
    const std::string text = in.dump();
    const Outcome whole = u.op(op.interface_id, op.name, text);
    for (const std::size_t k : {std::size_t{0}, std::size_t{1}, std::size_t{7}, whole.out.size() > 0 ? whole.out.size() - 1 : 0}) {
      if (whole.ok() && k >= whole.out.size()) continue;
      CallOptions options;
      (whole.ok() ? options.out_bytes : options.err_bytes) = k;
      t.step(op.text() + " with a sink that takes " + std::to_string(k) + " bytes");
      const Outcome answer = u.op(op.interface_id, op.name, text, options);
      const std::string what = op.text() + " with a sink for its " + (whole.ok() ? "result" : "problem") + " that takes " + std::to_string(k) + " bytes";
      if (!answer.lost.empty()) {
        t.fail(what + ": " + answer.lost, "an answer", "Check what sink->write returns.");
      } else if (whole.ok() && answer.rc != CCP_RC_RESOURCE_EXHAUSTED) {
        t.fail(what + " answered " + answer.text(), "RESOURCE_EXHAUSTED", "Return the class that sink->write returned.");
      } else if (!whole.ok() && (answer.rc < 0 || answer.rc >= CCP_RC_COUNT || answer.rc == CCP_RC_OK)) {
        t.fail(what + " answered " + rcName(answer.rc) + "; with room it is " + whole.text(), "the same class: a problem that cannot be told is still a problem", "Do not let a failed write to call->err change the class.");
      }
      if (answer.wrote_on) t.fail(what + ": it went on writing after a write was refused", "no more writes", "Stop at the first refused write.");
    }
  });
  checkHealthAfter(t, *unit, "sinks that failed");
}

void missingServices(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  std::vector<std::pair<std::string, bool>> services;
  for (const auto& id : t.subject.manifest->optional_services) services.emplace_back(id, true);
  for (const auto& id : t.subject.manifest->required_services) services.emplace_back(id, false);
  for (const char* id : {"ccp.log/1"}) {
    if (std::none_of(services.begin(), services.end(), [&](const auto& s) { return s.first == id; })) services.emplace_back(id, true);
  }
  for (const auto& [id, optional] : services) {
    KitHost host(t.subject, t.config().value_or(Json()));
    host.missing.insert(id);
    const std::string what = "without " + id;
    if (optional) {
      const auto unit = t.ready(host);
      if (!unit) {
        t.fail("no instance gets ready " + what, "a plugin that works without a service that its manifest calls optional", "Ask host->service for it and do without, or list it under `requires`.");
        return;
      }
      forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) { survive(t, u, op, in.dump(), what); });
      continue;
    }
    // ccpd never does this; a plugin that is killed by it would be killed by every mistake in a manifest.
    const auto unit = t.created(host);
    const auto config = t.config();
    if (!unit || !config) return;
    t.step("configure " + what);
    if (!unit->control(Fn::configure, config->dump()).ok()) continue;
    t.step("start " + what);
    if (!unit->control(Fn::start).ok()) continue;
    forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) { survive(t, u, op, in.dump(), what); });
  }
}

void oldHosts(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  int met = 0;
  for (const auto& release : hostReleases()) {
    if (release.minor < t.subject.manifest->abi_min_minor) continue;  // such a host refuses the manifest
    ++met;
    const std::string what = "on a host of ABI " + std::string(release.version);
    KitHost host(t.subject, t.config().value_or(Json()));
    host.pretendRelease(release);
    const auto unit = t.ready(host);
    if (!unit) {
      t.fail("no instance gets ready " + what, "a plugin that uses what is there: its manifest says min_minor " + std::to_string(t.subject.manifest->abi_min_minor),
             "Ask CCP_HAS(table, field) before a newer function, or raise min_minor.");
      return;
    }
    forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) {
      t.step(op.text() + " " + what);
      const Outcome answer = u.op(op.interface_id, op.name, in.dump());
      t.checkAnswer(op, answer, what);
      if (answer.rc == CCP_RC_INTERNAL) t.fail(op.text() + " " + what + " answered " + answer.text(), "UNIMPLEMENTED, or a poorer result", "Ask CCP_HAS(table, field) before a newer function, or raise min_minor.");
    });
  }
  t.note("met the hosts of " + std::to_string(met) + " releases");
}

void unknownMembers(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  host.fixed_wall_us = 1795262400000000;
  const auto unit = t.ready(host);
  if (!unit) return;
  forEveryInput(t, *unit, [&](Unit& u, const Operation& op, const Json& in) {
    t.step(op.text() + " with unknown members");
    const Outcome plain = u.op(op.interface_id, op.name, in.dump());
    const Outcome more = u.op(op.interface_id, op.name, withUnknown(in).dump());
    t.checkAnswer(op, more, "with members of a later revision");
    if (plain.lost.empty() && plain.rc != more.rc) {
      t.fail(op.text() + " answers " + plain.text() + "; with members of a later revision " + more.text(), "the same: unknown members are ignored", "Read the members that you know and leave the rest.");
    }
  });
}

void wrongJson(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  const std::string bomb = std::string(kDepth, '[') + std::string(kDepth, ']');
  std::string objects;
  for (int i = 0; i < 20000; ++i) objects += "{\"a\":";
  const std::pair<const char*, std::string> inputs[] = {
      {"with an empty text", ""},
      {"with text that is no JSON", "{\"a\": tru"},
      {"with a list", "[]"},
      {"with null", "null"},
      {"with a number that no type holds", "{\"quantity\":1e999,\"amount\":123456789012345678901234567890}"},
      {"with duplicate members", "{\"a\":1,\"a\":2}"},
      {"with bytes that are no UTF-8", std::string("{\"name\":\"\xC3\x28\xFF\xFE\"}")},
      {"with a NUL byte", std::string("{\"a\":\"\0\"}", 9)},
      {"with an escaped NUL", "{\"id\":\"a\\u0000b\",\"org_id\":\"a\\u0000b\"}"},
      {"nested 100,000 levels deep", bomb},
      {"nested 20,000 objects deep", objects}};
  for (const auto& op : t.operations()) {
    for (const auto& [what, in] : inputs) survive(t, *unit, op, in, what);
    // Deep inside of what is otherwise right: the depth that the ABI allows, and beyond.
    for (const auto& in : t.inputs(op)) {
      std::string text = in.dump();
      if (text.empty() || text.back() != '}') continue;
      for (const int depth : {62, kDepth}) {
        survive(t, *unit, op, text.substr(0, text.size() - 1) + (in.empty() ? "" : ",") + "\"x_deep\":" + std::string(static_cast<std::size_t>(depth), '[') + std::string(static_cast<std::size_t>(depth), ']') + "}",
                "with a member that is " + std::to_string(depth) + " levels deep");
      }
    }
  }
  checkHealthAfter(t, *unit, "wrong input");
}

void wrongTexts(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  const std::string mebibyte(std::size_t{1} << 20, 'x');
  const std::string broken = "\xC3\x28";
  for (const auto& op : t.operations()) {
    const auto inputs = t.inputs(op);
    if (inputs.empty()) continue;
    const Json& in = inputs.back();  // the one with most members
    for (const auto& longer : withTexts(in, mebibyte, kLongTexts)) survive(t, *unit, op, longer.dump(), "with a text of 1 MiB");
    for (const auto& marked : withTexts(in, "@BROKEN@")) {
      std::string text = marked.dump();  // Json writes UTF-8 only: the bytes go in afterwards
      text.replace(text.find("@BROKEN@"), 8, broken);
      survive(t, *unit, op, text, "with a text that is no UTF-8");
    }
    for (const auto& odd : withTexts(in, "\n\r\t\"\\ ../../etc/passwd %s%n '; drop table x; -- \xF0\x9F\x92\xA5")) survive(t, *unit, op, odd.dump(), "with a hostile text");
  }
  for (const auto& line : host.logs()) {
    if (!isValidUtf8(line.event) || !isValidUtf8(line.fields)) t.fail("the log line " + line.event.substr(0, 60) + " is no UTF-8", "UTF-8 in everything that leaves the plugin", "Replace what is no UTF-8 before you log it.");
  }
  checkHealthAfter(t, *unit, "wrong texts");
}

void clockJumps(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  constexpr std::int64_t kYearUs = std::int64_t{365} * 86400 * 1000000;
  const std::pair<const char*, std::int64_t> jumps[] = {{"a year back", -kYearUs}, {"ten years on", 10 * kYearUs}, {"before 1970", -100 * kYearUs}, {"back again", 0}};
  for (const auto& [name, offset] : jumps) {
    host.wall_offset_us = offset;
    forEveryInput(t, *unit, [&, what = std::string("after the clock jumped ") + name](Unit& u, const Operation& op, const Json& in) {
      t.step(op.text() + " " + what);
      const Outcome answer = u.op(op.interface_id, op.name, in.dump());
      t.checkAnswer(op, answer, what);
      if (answer.rc == CCP_RC_INTERNAL) t.fail(op.text() + " " + what + " answered " + answer.text(), "another class", "Wall time may step; use mono_ns for durations.");
    });
    checkHealthAfter(t, *unit, std::string("the clock jumped ") + name);
  }
}

void garbageProvider(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  const auto& services = t.subject.manifest->required_services;
  const auto& optional = t.subject.manifest->optional_services;
  if (std::find(services.begin(), services.end(), CCP_HTTP_ID) == services.end() && std::find(optional.begin(), optional.end(), CCP_HTTP_ID) == optional.end()) {
    return t.skip("the plugin does not use ccp.http/1");
  }
  std::string deep = std::string(kDepth, '[');
  const std::pair<const char*, HttpAnswer> answers[] = {
      {"500 with HTML", {CCP_RC_OK, 500, {{"content-type", "text/html"}}, "<html>no</html>"}},
      {"200 with nothing", {CCP_RC_OK, 200, {}, ""}},
      {"200 with {}", {CCP_RC_OK, 200, {}, "{}"}},
      {"200 with a list", {CCP_RC_OK, 200, {}, "[1,2,3]"}},
      {"200 with null", {CCP_RC_OK, 200, {}, "null"}},
      {"200 with half an answer", {CCP_RC_OK, 200, {}, "{\"id\":\"a\",\"items\":[{\"id\":"}},
      {"200 with a depth bomb", {CCP_RC_OK, 200, {}, deep}},
      {"200 with bytes that are no UTF-8", {CCP_RC_OK, 200, {}, "{\"id\":\"\xC3\x28\",\"url\":\"\xFF\"}"}},
      {"429", {CCP_RC_OK, 429, {{"retry-after", "-1"}}, "{}"}},
      {"401", {CCP_RC_OK, 401, {}, "{\"error\":\"invalid_token\"}"}},
      {"404", {CCP_RC_OK, 404, {}, "{}"}},
      {"the status 0", {CCP_RC_OK, 0, {}, ""}},
      {"no connection", HttpAnswer::refused(CCP_RC_UNAVAILABLE)},
      {"too large a response", HttpAnswer::refused(CCP_RC_RESOURCE_EXHAUSTED)}};
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  for (const auto& [name, answer] : answers) {
    const HttpAnswer copy = answer;
    host.on_http = [copy](const HttpAsk&) { return copy; };
    const std::string what = std::string("when the provider answers ") + name;
    for (const auto& op : t.operations()) {
      const auto inputs = t.inputs(op);
      if (inputs.empty() || t.enough()) continue;
      host.forget();
      t.step(op.text() + " " + what);
      const Outcome got = unit->op(op.interface_id, op.name, inputs.front().dump());
      t.checkResult(op, got, what);
      if (host.asked().size() > 200) t.fail(op.text() + " " + what + " sent " + std::to_string(host.asked().size()) + " requests", "a bounded number of attempts", "Let the host repeat: return UNAVAILABLE.");
    }
  }
  checkHealthAfter(t, *unit, "a provider that answers garbage");
}

}  // namespace ccp::kit::tests
