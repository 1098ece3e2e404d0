#include "sdk/conformance/context.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "ccp/abi/all.h"
#include "core/base/encoding.hpp"
#include "core/config/schema_validator.hpp"
#include "core/package/interfaces.hpp"
#include "sdk/conformance/example.hpp"
#include "sdk/conformance/fixtures.hpp"
#include "sdk/conformance/schemas.hpp"

namespace ccp::kit {
namespace {

constexpr std::size_t kMaxFailures = 3;  ///< one mistake shows in many calls; the first few tell

/// "polar/*" gives polar/access_token for the member access_token.
std::optional<Json> secretReference(const Subject& subject, std::string_view member, const Json& schema) {
  if (!schema.boolOr("x-ccp-secret")) return std::nullopt;
  const auto& allowed = subject.manifest->permissions.secrets;
  if (allowed.empty()) return std::nullopt;
  std::string id = allowed.front();
  if (!id.empty() && id.back() == '*') {
    id.pop_back();
    id += member;
  }
  return Json::object({{"$secret", id}});
}

}  // namespace

Json withScratch(const Json& value, const std::string& scratch) {
  if (const auto* text = value.asString()) {
    static constexpr std::string_view kWord = "${SCRATCH}";
    std::string out = *text;
    for (auto at = out.find(kWord); at != std::string::npos; at = out.find(kWord, at + scratch.size())) out.replace(at, kWord.size(), scratch);
    return out;
  }
  if (value.isArray()) {
    Json out = Json::array();
    for (const auto& item : value.items()) out.push(withScratch(item, scratch));
    return out;
  }
  if (!value.isObject()) return value;
  Json out = Json::object();
  for (const auto& [key, member] : value.members()) out.set(key, withScratch(member, scratch));
  return out;
}

Context::Context(const Subject& the_subject, Mode the_mode, std::string the_scratch)
    : subject(the_subject), mode(the_mode), scratch(std::move(the_scratch)),
      // Opened now: a plugin that eats all descriptors must not take the report with it.
      step_fd_(::open((scratch + "/step").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)) {}

void Context::step(const std::string& what) {
  if (step_fd_ < 0) return;
  if (::ftruncate(step_fd_, 0) == 0) static_cast<void>(::pwrite(step_fd_, what.data(), what.size(), 0) >= 0);
}

void Context::fail(std::string found, std::string needed, std::string action) {
  if (failures_.size() < kMaxFailures) failures_.push_back({std::move(found), std::move(needed), std::move(action)});
  else ++more_failures_;
}
void Context::skip(std::string reason) {
  if (skipped_.empty()) skipped_ = std::move(reason);
}
void Context::note(std::string text) { notes_.push_back(std::move(text)); }

Json Context::verdict() const {
  Json out = Json::object();
  Json failures = Json::array();
  for (const auto& f : failures_) failures.push(Json::object({{"found", f.found}, {"needed", f.needed}, {"action", f.action}}));
  Json notes = Json::array();
  if (more_failures_ > 0) notes.push("and more of the kind");
  for (const auto& text : notes_) notes.push(text);
  out.set("status", !failures_.empty() ? "failed" : !skipped_.empty() ? "skipped" : "passed");
  out.set("failures", std::move(failures));
  out.set("reason", skipped_);
  out.set("notes", std::move(notes));
  return out;
}

Plugin* Context::plugin() {
  if (loaded_) return plugin_.get();
  loaded_ = true;
  if (!subject.manifest) {
    skip("there is no valid plugin.json; see L0.manifest");
    return nullptr;
  }
  step("loading the library");
  auto made = mode == Mode::process ? loadProcess(subject, scratch) : loadInproc(subject, scratch);
  if (!made) {
    fail("the library does not load: " + made.error().detail, "a library that the host can load", "See the tests of levels 0 and 1.");
    return nullptr;
  }
  plugin_ = std::move(*made);
  return plugin_.get();
}

std::optional<Json> Context::makeConfig() {
  if (!subject.manifest) return std::nullopt;
  const bool takes_config = !subject.manifest->config_schema.empty();
  std::optional<Json> value;
  if (!subject.fixtures.empty()) {
    if (const auto text = readWholeFile(subject.fixtures + "/config.json", std::size_t{1} << 20)) {
      const auto parsed = parseJson(*text);
      if (!parsed) {
        fail(subject.fixtures + "/config.json is no JSON: " + parsed.error().detail, "a configuration", "Correct the file.");
        return std::nullopt;
      }
      value = withScratch(*parsed, scratch);
    }
  }
  if (!takes_config) return value.value_or(Json::object());
  if (!value) {
    config_is_generated_ = true;
    ExampleOptions options;
    options.choose = [this](std::string_view member, const Json& schema) { return secretReference(subject, member, schema); };
    value = exampleOf(subject.config_schema, options);
  }
  const auto schema = config::Schema::compile(subject.config_schema);
  if (!schema || !value) return std::nullopt;
  *value = schema->withDefaults(*value);
  if (const auto valid = schema->validate(*value); !valid) {
    note("the example " + value->dump() + " does not fit the schema: " + valid.error().text());
    return std::nullopt;
  }
  return value;
}

std::optional<Json> Context::config() {
  if (!config_made_) {
    config_made_ = true;
    config_ = makeConfig();
  }
  if (!subject.manifest) skip("there is no valid plugin.json; see L0.manifest");
  if (!config_ && !failed()) skip("no valid configuration is at hand; put one into conformance/config.json beside the plugin");
  return config_;
}

std::unique_ptr<Unit> Context::created(const KitHost& host, const std::string& name) {
  Plugin* const loaded = plugin();
  if (!loaded) return nullptr;
  step("create");
  Outcome outcome;
  auto unit = loaded->create(host, name, outcome);
  if (!unit) fail("create answered " + outcome.text(), "an instance", "create allocates and does nothing that can fail but for lack of memory.");
  return unit;
}

std::unique_ptr<Unit> Context::configured(const KitHost& host, const std::string& name) {
  const auto value = config();
  if (!value) return nullptr;
  auto unit = created(host, name);
  if (!unit) return nullptr;
  step("configure");
  const Outcome outcome = unit->control(Fn::configure, value->dump());
  if (outcome.lost.empty() && outcome.rc == CCP_RC_INVALID_ARGUMENT) {
    // What no schema can say: L2.start-health fails for it, the others have nothing to try.
    refused_config_ = "configure refuses the " + std::string(config_is_generated_ ? "example" : "given") + " configuration " + value->dump() + ": " + outcome.text();
    skip("configure refuses the configuration; see L2.start-health");
    return nullptr;
  }
  return checkOk(outcome, "configure with " + value->dump()) ? std::move(unit) : nullptr;
}

std::unique_ptr<Unit> Context::ready(const KitHost& host, const std::string& name) {
  auto unit = configured(host, name);
  if (!unit) return nullptr;
  step("start");
  if (!checkOk(unit->control(Fn::start), "start")) return nullptr;
  return unit;
}

std::vector<Operation> Context::operations() {
  std::vector<Operation> out;
  Plugin* const loaded = plugin();
  if (!loaded) return out;
  for (const auto& id : subject.manifest->provides) {
    for (const auto& slot : plugin::operationsOf(id)) {
      if (loaded->implements(id, slot.name)) out.push_back({id, std::string(slot.name), slot.required});
    }
  }
  return out;
}

std::vector<Json> Context::inputs(const Operation& op) const {
  std::vector<Json> out;
  for (const auto& fixture : fixturesOf(subject, op.interface_id, op.name)) {
    if (fixture.problem.empty()) out.push_back(withScratch(fixture.in, scratch));
  }
  const Json& schema = schemaOf(op.interface_id, op.name, Side::in);
  const auto compiled = schema.isNull() ? Result<config::Schema>(ccp::fail(Errc::not_found)) : config::Schema::compile(schema);
  if (!compiled) return out;
  for (const bool every : {false, true}) {
    ExampleOptions options;
    options.every_member = every;
    options.choose = [](std::string_view member, const Json& of) -> std::optional<Json> {
      if (member == "body" && of.find("pattern")) return Json("e30");  // {} in base64url
      return std::nullopt;
    };
    auto made = exampleOf(schema, options);
    if (made && compiled->validate(*made) && std::find(out.begin(), out.end(), *made) == out.end()) out.push_back(std::move(*made));
  }
  return out;
}

bool Context::isPure(const Operation& op) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kPure = {
      {{CCP_IDENTITY_ID, "describe"}, {CCP_BILLING_ID, "verify_webhook"}, {CCP_BILLING_ID, "parse_webhook"},
       {CCP_NOTIFIER_ID, "render"}, {CCP_INBOUND_ID, "verify"}, {CCP_INBOUND_ID, "parse"}}};
  return std::any_of(kPure.begin(), kPure.end(), [&](const auto& pure) { return pure.first == op.interface_id && pure.second == op.name; });
}

bool Context::checkOk(const Outcome& outcome, const std::string& what) {
  if (!outcome.ok()) {
    fail(what + " answered " + outcome.text(), "OK", "The kit's host is well-behaved here: nothing of what the manifest requires is missing.");
    return false;
  }
  if (!outcome.out.empty() && !parseJson(outcome.out, {std::size_t{64} << 20, 64})) {
    fail(what + " wrote " + outcome.out.substr(0, 120), "one JSON value", "Write {} when there is nothing to say.");
    return false;
  }
  return true;
}

bool Context::checkResult(const Operation& op, const Outcome& outcome, const std::string& what) {
  if (!checkAnswer(op, outcome, what)) return false;
  const Json& schema = schemaOf(op.interface_id, op.name, Side::out);
  if (outcome.rc != CCP_RC_OK || schema.isNull()) return true;
  const auto compiled = config::Schema::compile(schema);
  const auto value = parseJson(outcome.out, {std::size_t{64} << 20, 64});
  const auto valid = compiled && value ? compiled->validate(*value) : Status{};
  if (valid) return true;
  std::string finding;
  for (const auto& field : valid.error().fields) finding += " " + (field.pointer.empty() ? std::string("/") : field.pointer) + ": " + field.rule;
  fail(op.text() + " " + what + ": the result breaks its schema:" + finding, "what sdk/schemas/" + op.interface_id.substr(0, op.interface_id.find('/')) + "/" + op.name + ".out.json says",
       "The result was " + outcome.out.substr(0, 200));
  return false;
}

bool Context::checkAnswer(const Operation& op, const Outcome& outcome, const std::string& what) {
  const std::string begin = op.text() + " " + what + ": ";
  const auto before = failures_.size() + more_failures_;
  if (!outcome.lost.empty()) {
    fail(begin + outcome.lost, "an answer", "Run the plugin under a debugger with this input; no input may end its process.");
    return false;
  }
  if (outcome.rc < 0 || outcome.rc >= CCP_RC_COUNT) {
    fail(begin + "it returned " + rcName(outcome.rc), "a class from 0 to " + std::to_string(CCP_RC_COUNT - 1), "Return one of the CCP_RC_ numbers of ccp/abi/plugin.h.");
  }
  if (outcome.rc == CCP_RC_OK) {
    const auto value = parseJson(outcome.out, {std::size_t{64} << 20, 64});
    if (!value) {
      fail(begin + "OK, with " + (outcome.out.empty() ? "no result" : "\"" + outcome.out.substr(0, 120) + "\": " + value.error().detail), "exactly one JSON value, RFC 8259, in UTF-8",
           "Write the result to call->out; {} when there is nothing to say.");
    }
  } else if (!outcome.out.empty()) {
    fail(begin + rcName(outcome.rc) + ", and " + std::to_string(outcome.out.size()) + " bytes in call->out", "a result only when returning OK", "Write the problem to call->err and nothing to call->out.");
  }
  if (!outcome.err.empty()) {
    const auto problem = parseJson(outcome.err);
    if (!problem || !problem->isObject()) {
      fail(begin + "call->err holds \"" + outcome.err.substr(0, 120) + "\"", "a JSON object with code and detail", "Write {\"code\":\"snake_case\",\"detail\":\"what was found\"}.");
    }
  }
  if (outcome.wrote_on && outcome.rc == CCP_RC_OK) {
    fail(begin + "OK although a sink refused its bytes", "RESOURCE_EXHAUSTED", "Return the class that sink->write returned.");
  }
  return failures_.size() + more_failures_ == before;
}

}  // namespace ccp::kit
