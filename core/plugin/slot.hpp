// Where an instance is published: callers copy the pointer out and call without the lock, so that a swap
// never waits for calls and no call sees half a swap. (atomic<shared_ptr> of gcc 12 trips TSan.)
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/plugin/facades/caller.hpp"
#include "core/plugin/instance.hpp"

namespace ccp::plugin {

class PluginSlot {
 public:
  explicit PluginSlot(std::string name) : name_(std::move(name)) {}
  const std::string& name() const noexcept { return name_; }
  /// The instance in service; nullptr when the slot is empty.
  std::shared_ptr<Instance> get() const;
  /// Puts `next` into service and returns what was there.
  std::shared_ptr<Instance> publish(std::shared_ptr<Instance> next);

 private:
  const std::string name_;
  mutable std::mutex mutex_;
  std::shared_ptr<Instance> instance_;
};

/// A facade's view of one interface of a slot.
std::shared_ptr<Caller> makeCaller(std::shared_ptr<PluginSlot> slot, std::string interface_id);

}  // namespace ccp::plugin
