#include "core/plugin/changes.hpp"

#include <algorithm>
#include <utility>

#include "ccp/abi/billing.h"
#include "core/base/log.hpp"

namespace ccp::plugin {
namespace {

using Kind = Change::Kind;

bool makesInstance(Kind kind) noexcept { return kind == Kind::load || kind == Kind::swap; }

Json factsOf(const Manifest& manifest, const Origin& origin) {
  Json out = Json::object({{"plugin", manifest.id}, {"version", manifest.version}, {"trust", origin.trust}, {"isolation", origin.process ? "process" : "inproc"}});
  if (!origin.sha256.empty()) out.set("sha256", origin.sha256);
  return out;
}

Json factsOf(const Serving& serving) { return factsOf(serving.instance->manifest(), serving.origin); }

std::string nameOf(const Json& facts) { return facts.strOr("plugin") + " " + facts.strOr("version"); }

const char* reasonOf(Kind kind) noexcept {
  return kind == Kind::drain ? "drained by operator" : kind == Kind::remove ? "removed from the configuration" : "replaced";
}

}  // namespace

const char* toString(Kind kind) noexcept {
  static constexpr const char* kNames[] = {"load", "swap", "drain", "remove"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* toString(Change::Occasion occasion) noexcept {
  static constexpr const char* kNames[] = {"start", "reload", "request"};
  return kNames[static_cast<std::size_t>(occasion)];
}

Json Change::json() const {
  return Json::object({{"action", toString(kind)}, {"instance", wanted.name}, {"before", before}, {"after", after}, {"drained", drained}});
}

bool Lineup::has(std::string_view instance, std::string_view interface_id) const {
  return std::any_of(members.begin(), members.end(), [&](const Member& member) {
    return member.instance == instance && std::find(member.provides.begin(), member.provides.end(), interface_id) != member.provides.end();
  });
}

bool Lineup::bills(std::string_view instance) const { return has(instance, CCP_BILLING_ID); }

Changes::Changes(const HostContext& host, Pipeline& pipeline, Registry& registry, Ticker& ticker, SourceOf source_of, Duration patience)
    : host_(host), pipeline_(pipeline), registry_(registry), ticker_(ticker), source_of_(std::move(source_of)), patience_(patience) {}

// --- candidates -------------------------------------------------------------------------------

tl::expected<Changes::Candidate, Changes::Failure> Changes::makeCandidate(Change& change, const std::string& actor) {
  const config::PluginInstance& wanted = change.wanted;
  auto source = source_of_(wanted);
  if (!source) {
    const char* step = source.error().code == Errc::config_invalid ? "configuration" : "package";
    return tl::unexpected(Failure{step, std::move(source).error()});
  }
  change.after = factsOf(source->manifest, source->origin);
  if (guard_) {
    if (Status allowed = guard_(change, source->manifest.provides, actor); !allowed) return tl::unexpected(Failure{"policy", std::move(allowed).error()});
  }
  auto instance = std::make_shared<Instance>(host_, InstanceGrants{wanted.name, source->manifest, wanted.egress}, source->runner);
  if (Status started = instance->start(wanted.config, source->config_schema); !started) {
    const Failure failure{instance->step(), std::move(started).error()};
    retire(instance, Duration::zero(), "it did not start");
    return tl::unexpected(failure);
  }
  if (!change.must_be_healthy) return Candidate{std::move(*source), std::move(instance)};
  if (const Json health = instance->health(); health.strOr("status") == "failing") {
    retire(instance, patience_, "it was not healthy");
    std::string why = health.strOr("detail");
    if (why.empty()) why = "it does not say why";
    if (!why.ends_with('.')) why += '.';
    return tl::unexpected(Failure{"health", Error{Errc::plugin_failed, "Plugin instance \"" + wanted.name + "\" is not healthy: " + why}});
  }
  return Candidate{std::move(*source), std::move(instance)};
}

Status Changes::checkNames(const std::vector<Change>& changes) const {
  for (const auto& change : changes) {
    const std::string& name = change.wanted.name;
    const bool known = registry_.slot(name) != nullptr;
    if (change.kind == Kind::load && known) return fail(Errc::already_exists, "There are two plugin instances named \"" + name + "\".");
    if (change.kind != Kind::load && !known) return fail(Errc::not_found, "There is no plugin instance \"" + name + "\"; `ccp plugin list` shows those that there are.");
    const auto same = [&](const Change& other) { return other.wanted.name == name; };
    if (std::count_if(changes.begin(), changes.end(), same) > 1) return fail(Errc::already_exists, "There are two plugin instances named \"" + name + "\".");
  }
  return {};
}

Lineup Changes::lineupAfter(const std::vector<Change>& changes, const std::vector<Candidate>& candidates) const {
  Lineup out;
  for (const auto& slot : registry_.slots()) {
    const auto at = std::find_if(changes.begin(), changes.end(), [&](const Change& change) { return change.wanted.name == slot->name(); });
    if (at != changes.end() && at->kind != Kind::drain) continue;
    out.members.push_back({slot->name(), slot->get()->manifest().provides});
  }
  for (const auto& candidate : candidates) out.members.push_back({candidate.instance->name(), candidate.source.manifest.provides});
  return out;
}

// --- recording --------------------------------------------------------------------------------

Status Changes::record(const std::vector<Change>& changes, const std::vector<Candidate>& candidates, const std::string& actor, const ChangeHooks& hooks) {
  return host_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {  // deeds of the server itself
    for (const auto& candidate : candidates) {
      if (candidate.source.prepared) CCP_CHECK_OK(pipeline_.started(tx, *candidate.source.prepared));
    }
    for (const auto& change : changes) {
      const std::string& name = change.wanted.name;
      tx.audit({"", actor, std::string("plugin.") + toString(change.kind), name, change.before, change.after, change.reason});
      if (change.kind == Kind::swap) {
        tx.emit({"plugin.swapped", "", name, Json::object({{"instance", name}, {"before", change.before}, {"after", change.after}})});
      }
    }
    return hooks.record ? hooks.record(tx) : Status();
  });
}

Error Changes::refuse(const Change& change, const Failure& failure, const std::string& actor) {
  const std::string& name = change.wanted.name;
  Error error = failure.error;
  if (change.kind == Kind::swap) {
    error.detail = "Plugin instance \"" + name + "\" was not swapped; " + nameOf(change.before) + " goes on as before. Step \"" + failure.step + "\": " + error.detail;
  } else if (error.detail.find("plugins[" + name + "]") != 0) {
    error.detail = "plugins[" + name + "]: " + error.detail;
  }
  log::error("plugin_failed", {{"instance", name}, {"action", toString(change.kind)}, {"step", failure.step}, {"code", error.name()}, {"detail", error.detail}});
  if (change.kind == Kind::swap) host_.metrics.counter("ccp_plugin_swaps_total", "Swaps of plugin instances", {{"instance", name}, {"result", "failed"}}).add();
  const Json after = Json::object({{"result", "failed"}, {"plugin", change.wanted.plugin}, {"step", failure.step}});
  const Status recorded = host_.db.write(db::Scope::system(), [&](db::Tx& tx) -> Status {  // deeds of the server itself
    tx.audit({"", actor, std::string("plugin.") + toString(change.kind), name, change.before, after, error.detail});
    tx.emit({"plugin.failed", "", name,
             Json::object({{"instance", name}, {"action", toString(change.kind)}, {"plugin", change.wanted.plugin}, {"step", failure.step},
                           {"code", error.name()}, {"detail", error.detail}})});
    return {};
  });
  if (!recorded) log::error("plugin_failure_not_recorded", {{"instance", name}, {"detail", recorded.error().detail}});
  return error;
}

// --- the course of a change -------------------------------------------------------------------

Result<std::vector<Change>> Changes::perform(std::vector<Change> changes, const std::string& actor, const ChangeHooks& hooks) {
  std::vector<std::string> names;
  for (const auto& change : changes) names.push_back(change.wanted.name);
  const auto held = names_.take(names);
  if (!held) return fail(Errc::shutting_down, "The plugin host has stopped.");
  CCP_CHECK_OK(checkNames(changes));
  for (auto& change : changes) {
    const auto slot = registry_.slot(change.wanted.name);
    if (!slot) continue;
    const auto serving = slot->serving();
    change.before = factsOf(*serving);
    if (change.wanted.plugin.empty()) change.wanted = serving->origin.wanted;
  }

  std::vector<Candidate> candidates;
  const auto undo = [&] {
    for (const auto& candidate : candidates) retire(candidate.instance, patience_, "a change was not made");
  };
  for (auto& change : changes) {
    if (!makesInstance(change.kind)) {
      const Status allowed = guard_ ? guard_(change, {}, actor) : Status();
      if (allowed) continue;
      undo();
      return fail(refuse(change, {"policy", allowed.error()}, actor));
    }
    auto candidate = makeCandidate(change, actor);
    if (!candidate) {
      undo();
      return fail(refuse(change, candidate.error(), actor));
    }
    candidates.push_back(std::move(*candidate));
  }
  Status agreed = hooks.check ? hooks.check(lineupAfter(changes, candidates)) : Status();
  if (agreed) agreed = record(changes, candidates, actor, hooks);
  if (!agreed) {
    undo();
    return fail(std::move(agreed).error());
  }

  std::vector<std::shared_ptr<Instance>> old(changes.size());
  auto candidate = candidates.begin();
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const std::string& name = changes[i].wanted.name;
    const auto slot = registry_.slot(name);
    if (slot) old[i] = slot->get();
    if (!makesInstance(changes[i].kind)) {
      ticker_.remove(old[i]);
      if (changes[i].kind == Kind::remove) registry_.remove(name);
      continue;
    }
    const auto next = std::make_shared<const Serving>(Serving{candidate->instance, candidate->source.origin, host_.clock.now()});
    ++candidate;
    if (slot) {
      slot->publish(next);
    } else {
      registry_.add(std::make_shared<PluginSlot>(next));
    }
    ticker_.replace(old[i], next->instance);
    const Manifest& m = next->instance->manifest();
    log::info("plugin_ready", {{"instance", name}, {"plugin", m.id}, {"version", m.version}, {"action", toString(changes[i].kind)}});
  }
  if (hooks.published) hooks.published();

  for (std::size_t i = 0; i < changes.size(); ++i) {
    Change& change = changes[i];
    if (old[i]) change.drained = retire(old[i], patience_, reasonOf(change.kind));
    if (change.kind == Kind::swap) {
      host_.metrics.counter("ccp_plugin_swaps_total", "Swaps of plugin instances", {{"instance", change.wanted.name}, {"result", "ok"}}).add();
    }
  }
  return changes;
}

// --- the old ones -----------------------------------------------------------------------------

bool Changes::retire(const std::shared_ptr<Instance>& instance, Duration patience, const std::string& why) {
  if (instance->stop(patience, why)) return true;
  log::warn("plugin_still_running", {{"instance", instance->name()}, {"detail", "calls have not returned; it ends when they do"}});
  const std::lock_guard lock(retired_mutex_);
  retired_.push_back(instance);
  return false;
}

void Changes::reap() {
  std::vector<std::shared_ptr<Instance>> waiting;
  {
    const std::lock_guard lock(retired_mutex_);
    waiting.swap(retired_);
  }
  std::erase_if(waiting, [](const auto& instance) { return instance->info().abandoned == 0 && instance->stop(Duration::zero()); });
  const std::lock_guard lock(retired_mutex_);
  retired_.insert(retired_.end(), waiting.begin(), waiting.end());
}

int Changes::retired() const {
  const std::lock_guard lock(retired_mutex_);
  return static_cast<int>(retired_.size());
}

std::vector<std::shared_ptr<Instance>> Changes::close() {
  names_.close();
  reap();
  const std::lock_guard lock(retired_mutex_);
  return std::exchange(retired_, {});
}

}  // namespace ccp::plugin
