// The plugin instances of this process: by name, and by interface in the order of the configuration; and
// the facades' look-ups over them. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/plugin/facades/billing_provider.hpp"
#include "core/plugin/facades/exporter.hpp"
#include "core/plugin/facades/identity_provider.hpp"
#include "core/plugin/slot.hpp"

namespace ccp::plugin {

class Registry final : public BillingProviders, public IdentityProviders, public Exporters {
 public:
  /// `already_exists` for a name that is taken.
  Status add(std::shared_ptr<Instance> instance);
  std::vector<std::shared_ptr<PluginSlot>> slots() const;

  Result<std::shared_ptr<BillingProvider>> find(const std::string& instance) override;
  std::vector<std::string> instances() const override;
  Result<std::shared_ptr<IdentityProvider>> ofKind(const std::string& kind) override;
  Result<std::shared_ptr<Exporter>> exporter(const std::string& instance) override;
  std::vector<std::string> exporterInstances() const override;

 private:
  std::vector<std::shared_ptr<PluginSlot>> slotsOf(std::string_view interface_id) const;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<PluginSlot>> slots_;
  std::map<std::string, std::string> kinds_;  ///< identity instances: what describe said
};

}  // namespace ccp::plugin
