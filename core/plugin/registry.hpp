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
  void add(std::shared_ptr<PluginSlot> slot);
  /// Callers that hold it go on being told that its instance stopped.
  void remove(std::string_view name);
  /// Brings slots into the order of `names`, which is the order of look-ups by interface.
  void arrange(const std::vector<std::string>& names);
  /// nullptr when there is none.
  std::shared_ptr<PluginSlot> slot(std::string_view name) const;
  std::vector<std::shared_ptr<PluginSlot>> slots() const;

  Result<std::shared_ptr<BillingProvider>> find(const std::string& instance) override;
  std::vector<std::string> instances() const override;
  Result<std::shared_ptr<IdentityProvider>> ofKind(const std::string& kind) override;
  Result<std::shared_ptr<Exporter>> exporter(const std::string& instance) override;
  std::vector<std::string> exporterInstances() const override;

 private:
  Result<std::string> kindOf(PluginSlot& slot, IdentityProvider& provider);
  std::vector<std::shared_ptr<PluginSlot>> slotsOf(std::string_view interface_id) const;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<PluginSlot>> slots_;
  /// What describe said, and which instance of the slot said it: a swapped one is asked again.
  struct Kind {
    std::weak_ptr<Instance> of;
    std::string kind;
  };
  std::map<std::string, Kind> kinds_;
};

}  // namespace ccp::plugin
