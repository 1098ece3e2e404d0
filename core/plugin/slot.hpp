// Where an instance is published: callers copy the pointer out and call without the lock, so that a swap
// never waits for calls and no call sees half a swap. (atomic<shared_ptr> of gcc 12 trips TSan.)
// Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/config/settings.hpp"
#include "core/plugin/facades/caller.hpp"
#include "core/plugin/instance.hpp"

namespace ccp::plugin {

/// Where the code of an instance came from and how it was asked for.
struct Origin {
  config::PluginInstance wanted;
  std::string trust;   ///< "vendor", "key:<kid>", "unsigned", "linked"
  std::string sha256;  ///< of the library; empty when linked
  bool process = false;
};

/// What stands in a slot. A drained instance goes on standing there, and says so to its callers.
struct Serving {
  std::shared_ptr<Instance> instance;
  Origin origin;
  Timestamp since;
};

class PluginSlot {
 public:
  explicit PluginSlot(std::shared_ptr<const Serving> first) : name_(first->instance->name()), serving_(std::move(first)) {}
  const std::string& name() const noexcept { return name_; }
  std::shared_ptr<const Serving> serving() const;
  std::shared_ptr<Instance> get() const { return serving()->instance; }
  /// Puts `next` into service and returns what was there.
  std::shared_ptr<const Serving> publish(std::shared_ptr<const Serving> next);

 private:
  const std::string name_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Serving> serving_;
};

/// A facade's view of one interface of a slot. A call that was refused by an instance that is being
/// replaced goes to its successor; nothing of it ran, so nothing happens twice.
std::shared_ptr<Caller> makeCaller(std::shared_ptr<PluginSlot> slot, std::string interface_id);

}  // namespace ccp::plugin
