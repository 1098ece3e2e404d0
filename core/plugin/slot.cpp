#include "core/plugin/slot.hpp"

#include <utility>

namespace ccp::plugin {
namespace {

class SlotCaller final : public Caller {
 public:
  SlotCaller(std::shared_ptr<PluginSlot> slot, std::string interface_id) : slot_(std::move(slot)), interface_id_(std::move(interface_id)) {}
  const std::string& instance() const override { return slot_->name(); }
  Result<Json> call(std::string_view operation, const CallContext& ctx, const Json& in) override {
    CCP_TRY(const auto seat, sit(ctx));
    return seat.instance->call(seat.place, interface_id_, operation, ctx, in);
  }
  std::vector<Result<Json>> callEach(std::string_view operation, const CallContext& ctx, std::vector<std::string> inputs) override {
    const auto seat = sit(ctx);
    if (!seat) return std::vector<Result<Json>>(inputs.size(), Result<Json>(fail(seat.error())));
    return seat->instance->callEach(seat->place, interface_id_, operation, ctx, std::move(inputs));
  }

 private:
  struct Seat {
    std::shared_ptr<Instance> instance;
    Instance::Place place;  ///< of that instance: goes first
  };
  Result<Seat> sit(const CallContext& ctx) {
    auto instance = slot_->get();
    while (true) {
      auto place = instance->enter(ctx);
      if (place) return Seat{std::move(instance), std::move(*place)};
      // An instance never comes back after it retired, so each round asks a newer one.
      auto successor = instance->retired() ? slot_->get() : instance;
      if (successor == instance) return fail(std::move(place).error());
      instance = std::move(successor);
    }
  }

  std::shared_ptr<PluginSlot> slot_;
  std::string interface_id_;
};

}  // namespace

std::shared_ptr<const Serving> PluginSlot::serving() const {
  const std::lock_guard lock(mutex_);
  return serving_;
}

std::shared_ptr<const Serving> PluginSlot::publish(std::shared_ptr<const Serving> next) {
  const std::lock_guard lock(mutex_);
  return std::exchange(serving_, std::move(next));
}

std::shared_ptr<Caller> makeCaller(std::shared_ptr<PluginSlot> slot, std::string interface_id) {
  return std::make_shared<SlotCaller>(std::move(slot), std::move(interface_id));
}

}  // namespace ccp::plugin
