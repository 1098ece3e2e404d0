#include "core/plugin/registry.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "ccp/abi/billing.h"
#include "ccp/abi/exporter.h"
#include "ccp/abi/identity.h"

namespace ccp::plugin {

void Registry::add(std::shared_ptr<PluginSlot> slot) {
  const std::lock_guard lock(mutex_);
  slots_.push_back(std::move(slot));
}

void Registry::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  std::erase_if(slots_, [&](const auto& slot) { return slot->name() == name; });
  kinds_.erase(std::string(name));
}

void Registry::arrange(const std::vector<std::string>& names) {
  const std::lock_guard lock(mutex_);
  const auto place = [&](const auto& slot) { return std::find(names.begin(), names.end(), slot->name()); };
  std::stable_sort(slots_.begin(), slots_.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

std::shared_ptr<PluginSlot> Registry::slot(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(slots_.begin(), slots_.end(), [&](const auto& slot) { return slot->name() == name; });
  return at == slots_.end() ? nullptr : *at;
}

std::vector<std::shared_ptr<PluginSlot>> Registry::slots() const {
  const std::lock_guard lock(mutex_);
  return slots_;
}

std::vector<std::shared_ptr<PluginSlot>> Registry::slotsOf(std::string_view interface_id) const {
  std::vector<std::shared_ptr<PluginSlot>> out;
  for (auto& slot : slots()) {
    if (slot->get()->manifest().provides_interface(interface_id)) out.push_back(std::move(slot));
  }
  return out;
}

Result<std::shared_ptr<BillingProvider>> Registry::find(const std::string& instance) {
  std::string names;
  for (auto& slot : slotsOf(CCP_BILLING_ID)) {
    if (slot->name() == instance) return makeBillingProvider(makeCaller(std::move(slot), CCP_BILLING_ID));
    names += (names.empty() ? "" : ", ") + slot->name();
  }
  return fail(Errc::not_found, "There is no billing instance \"" + instance + "\"; configured are: " + (names.empty() ? "none" : names) + ".");
}

std::vector<std::string> Registry::instances() const {
  std::vector<std::string> out;
  for (const auto& slot : slotsOf(CCP_BILLING_ID)) out.push_back(slot->name());
  return out;
}

Result<std::shared_ptr<Exporter>> Registry::exporter(const std::string& instance) {
  std::string names;
  for (auto& slot : slotsOf(CCP_EXPORTER_ID)) {
    if (slot->name() == instance) return makeExporter(makeCaller(std::move(slot), CCP_EXPORTER_ID));
    names += (names.empty() ? "" : ", ") + slot->name();
  }
  return fail(Errc::not_found, "There is no exporter instance \"" + instance + "\"; configured are: " + (names.empty() ? "none" : names) + ".");
}

std::vector<std::string> Registry::exporterInstances() const {
  std::vector<std::string> out;
  for (const auto& slot : slotsOf(CCP_EXPORTER_ID)) out.push_back(slot->name());
  return out;
}

Result<std::string> Registry::kindOf(PluginSlot& slot, IdentityProvider& provider) {
  const auto instance = slot.get();
  {
    const std::lock_guard lock(mutex_);
    const auto known = kinds_.find(slot.name());
    if (known != kinds_.end() && known->second.of.lock() == instance && !instance->retired()) return known->second.kind;
  }
  CCP_TRY(const Json described, provider.describe({}));
  std::string kind = described.strOr("kind");
  const std::lock_guard lock(mutex_);
  kinds_[slot.name()] = {instance, kind};
  return kind;
}

Result<std::shared_ptr<IdentityProvider>> Registry::ofKind(const std::string& kind) {
  std::optional<Error> silent;
  for (auto& slot : slotsOf(CCP_IDENTITY_ID)) {
    auto provider = makeIdentityProvider(makeCaller(slot, CCP_IDENTITY_ID));
    const auto known = kindOf(*slot, *provider);
    if (known && *known == kind) return provider;
    if (!known) silent = known.error();
  }
  if (silent) return fail(std::move(*silent));
  return fail(Errc::plugin_unavailable, "No identity plugin of kind \"" + kind + "\" is configured. Add one under `plugins` of ccp.yaml, for example ccp.auth-deviceflow.");
}

}  // namespace ccp::plugin
