#include "core/config/live_settings.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

namespace ccp::config {
namespace {

constexpr std::array<std::string_view, 10> kLive = {"plugins",   "billing.default", "billing.on_dispute", "billing.reconcile_interval", "billing.calls_per_minute", "billing.meters", "billing.reminder_days",
                                                   "log.level", "log.format",      "reload.watch"};
constexpr std::string_view kCatalog = "plans.catalog";

bool isLive(std::string_view name) { return std::find(kLive.begin(), kLive.end(), name) != kLive.end(); }

/// Settings by name: sections are objects at the top; what stands in a section is a value, however deep.
std::map<std::string, Json> byName(const Json& values) {
  std::map<std::string, Json> out;
  for (const auto& [section, value] : values.members()) {
    if (!value.isObject()) {
      out[section] = value;
      continue;
    }
    for (const auto& [key, inner] : value.members()) out[section + "." + key] = inner;
  }
  return out;
}

/// The catalog without what the providers call its prices.
Json withoutProviders(const Json& catalog) {
  Json out = Json::array();
  for (Json plan : catalog.items()) {
    Json prices = Json::array();
    for (Json price : plan["prices"].items()) {
      price.erase("providers");
      prices.push(std::move(price));
    }
    plan.set("prices", std::move(prices));
    out.push(std::move(plan));
  }
  return out;
}

bool sameButProviders(const Settings& a, const Settings& b) {
  return withoutProviders(a.values["plans"]["catalog"]) == withoutProviders(b.values["plans"]["catalog"]);
}

void setByName(Json& values, const std::string& name, const Json* value) {
  const auto dot = name.find('.');
  if (dot == std::string::npos) {
    value ? static_cast<void>(values.set(name, *value)) : values.erase(name);
    return;
  }
  Json section = values[name.substr(0, dot)];
  if (!value && !section.find(name.substr(dot + 1))) return;
  value ? static_cast<void>(section.set(name.substr(dot + 1), *value)) : section.erase(name.substr(dot + 1));
  values.set(name.substr(0, dot), std::move(section));
}

}  // namespace

SettingsDiff compareSettings(const Settings& running, const Settings& wanted) {
  SettingsDiff out;
  const auto before = byName(running.values), after = byName(wanted.values);
  std::map<std::string, bool> names;  // -> differs
  for (const auto& [name, value] : before) {
    const auto other = after.find(name);
    names[name] = other == after.end() || !(other->second == value);
  }
  for (const auto& [name, value] : after) {
    if (before.count(name) == 0) names[name] = true;
  }
  for (const auto& [name, differs] : names) {
    if (!differs) continue;
    const bool live = isLive(name) || (name == kCatalog && sameButProviders(running, wanted));
    (live ? out.live : out.restart).push_back(name);
    out.plugins = out.plugins || name == "plugins";
  }
  return out;
}

Settings withLive(const Settings& running, const Settings& wanted) {
  Settings out = running;
  out.plugins = wanted.plugins;
  out.billing.default_instance = wanted.billing.default_instance;
  out.billing.on_dispute = wanted.billing.on_dispute;
  out.billing.reconcile_interval = wanted.billing.reconcile_interval;
  out.billing.meters = wanted.billing.meters;
  out.billing.calls_per_minute = wanted.billing.calls_per_minute;
  out.billing.reminder_days = wanted.billing.reminder_days;
  out.log = wanted.log;
  out.reload = wanted.reload;
  const auto after = byName(wanted.values);
  const auto take = [&](const std::string& name) {
    const auto at = after.find(name);
    setByName(out.values, name, at == after.end() ? nullptr : &at->second);
  };
  for (const auto name : kLive) take(std::string(name));
  if (sameButProviders(running, wanted)) {
    out.plans.plans = wanted.plans.plans;
    out.files = wanted.files;
    take(std::string(kCatalog));
  }
  return out;
}

}  // namespace ccp::config
