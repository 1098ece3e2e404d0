#include "core/plugin/registry.hpp"

#include "ccp/abi/billing.h"
#include "ccp/abi/exporter.h"
#include "ccp/abi/identity.h"

namespace ccp::plugin {

Status Registry::add(std::shared_ptr<Instance> instance) {
  const std::lock_guard lock(mutex_);
  for (const auto& slot : slots_) {
    if (slot->name() == instance->name()) return fail(Errc::already_exists, "There are two plugin instances named \"" + instance->name() + "\".");
  }
  auto slot = std::make_shared<PluginSlot>(instance->name());
  slot->publish(std::move(instance));
  slots_.push_back(std::move(slot));
  return {};
}

std::vector<std::shared_ptr<PluginSlot>> Registry::slots() const {
  const std::lock_guard lock(mutex_);
  return slots_;
}

std::vector<std::shared_ptr<PluginSlot>> Registry::slotsOf(std::string_view interface_id) const {
  std::vector<std::shared_ptr<PluginSlot>> out;
  for (auto& slot : slots()) {
    const auto instance = slot->get();
    if (instance && instance->manifest().provides_interface(interface_id)) out.push_back(std::move(slot));
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

Result<std::shared_ptr<IdentityProvider>> Registry::ofKind(const std::string& kind) {
  for (auto& slot : slotsOf(CCP_IDENTITY_ID)) {
    auto provider = makeIdentityProvider(makeCaller(slot, CCP_IDENTITY_ID));
    std::string known;
    {
      const std::lock_guard lock(mutex_);
      known = kinds_[slot->name()];
    }
    if (known.empty()) {
      CCP_TRY(const Json described, provider->describe({}));
      known = described.strOr("kind");
      const std::lock_guard lock(mutex_);
      kinds_[slot->name()] = known;
    }
    if (known == kind) return provider;
  }
  return fail(Errc::plugin_unavailable, "No identity plugin of kind \"" + kind + "\" is configured. Add one under `plugins` of ccp.yaml, for example ccp.auth-deviceflow.");
}

}  // namespace ccp::plugin
