#include "core/plugin/slot.hpp"

#include <utility>

namespace ccp::plugin {
namespace {

class SlotCaller final : public Caller {
 public:
  SlotCaller(std::shared_ptr<PluginSlot> slot, std::string interface_id) : slot_(std::move(slot)), interface_id_(std::move(interface_id)) {}
  const std::string& instance() const override { return slot_->name(); }
  Result<Json> call(std::string_view operation, const CallContext& ctx, const Json& in) override {
    const auto instance = slot_->get();
    if (!instance) return fail(Errc::plugin_unavailable, "Plugin instance \"" + slot_->name() + "\" is not in service.");
    return instance->call(interface_id_, operation, ctx, in);
  }

 private:
  std::shared_ptr<PluginSlot> slot_;
  std::string interface_id_;
};

}  // namespace

std::shared_ptr<Instance> PluginSlot::get() const {
  const std::lock_guard lock(mutex_);
  return instance_;
}

std::shared_ptr<Instance> PluginSlot::publish(std::shared_ptr<Instance> next) {
  const std::lock_guard lock(mutex_);
  return std::exchange(instance_, std::move(next));
}

std::shared_ptr<Caller> makeCaller(std::shared_ptr<PluginSlot> slot, std::string interface_id) {
  return std::make_shared<SlotCaller>(std::move(slot), std::move(interface_id));
}

}  // namespace ccp::plugin
