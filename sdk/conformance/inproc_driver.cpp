// A plugin in the process of the test: the C tables, called as ccpd calls them.
#include <dlfcn.h>

#include <map>
#include <utility>

#include "core/package/interfaces.hpp"
#include "core/package/loader.hpp"
#include "core/package/sealed_library.hpp"
#include "sdk/conformance/driver.hpp"
#include "sdk/conformance/probe_call.hpp"

namespace ccp::kit {
namespace {

std::int64_t nowUs() {
  static const SystemClock clock;
  return static_cast<std::int64_t>(clock.monotonicNs() / 1000);
}

class InprocUnit final : public Unit {
 public:
  InprocUnit(const ccp_plugin* plugin, ccp_instance* instance, const KitHost& host) : plugin_(plugin), instance_(instance), host_(host) {}
  ~InprocUnit() override { InprocUnit::destroy(); }

  Outcome run(Fn fn, std::string_view interface_id, std::string_view name, std::string_view in, const CallOptions& options) override {
    Outcome none;
    const ccp_op function = find(fn, interface_id, name);
    if (!function) {
      none.rc = CCP_RC_UNIMPLEMENTED;
      return none;
    }
    ProbeCall call(options);
    const std::int64_t begin = nowUs();
    ccp_rc rc = CCP_RC_INTERNAL;
    {
      const KitHost::InCall inside;
      rc = function(instance_, call.raw(), strOf(in));
    }
    Outcome out = call.outcome();
    out.rc = rc;
    out.took_us = nowUs() - begin;
    return out;
  }

  Outcome destroy() override {
    Outcome out;
    out.rc = CCP_RC_OK;
    if (!instance_) return out;
    const KitHost::InCall inside;
    plugin_->destroy(std::exchange(instance_, nullptr));
    return out;
  }

 private:
  ccp_op find(Fn fn, std::string_view interface_id, std::string_view name) const {
    switch (fn) {
      case Fn::configure: return plugin_->configure;
      case Fn::start: return plugin_->start;
      case Fn::health: return plugin_->health;
      case Fn::drain: return plugin_->drain;
      case Fn::stop: return plugin_->stop;
      case Fn::operation: {
        const void* table = plugin_->extension(plugin_, std::string(interface_id).c_str());
        return table ? plugin::operationIn(table, interface_id, name) : nullptr;
      }
      case Fn::tick:
        for (const auto& tick : host_.ticks()) {
          if (tick.name == name) return tick.op;
        }
        return nullptr;
      case Fn::create:
      case Fn::destroy: break;
    }
    return nullptr;
  }

  const ccp_plugin* plugin_;
  ccp_instance* instance_;
  const KitHost& host_;
};

class InprocPlugin final : public Plugin {
 public:
  explicit InprocPlugin(const ccp_plugin* plugin) : plugin_(plugin) {}
  const ccp_plugin* descriptor() const override { return plugin_; }
  bool implements(std::string_view interface_id, std::string_view op) override {
    const void* table = plugin_->extension(plugin_, std::string(interface_id).c_str());
    return table && plugin::operationIn(table, interface_id, op);
  }
  std::unique_ptr<Unit> create(const KitHost& host, std::string_view name, Outcome& created) override {
    ccp_instance* made = nullptr;
    {
      const KitHost::InCall inside;
      created.rc = plugin_->create(host.raw(), strOf(name), &made);
    }
    if (created.rc != CCP_RC_OK) return nullptr;
    if (!made) {
      created.rc = CCP_RC_INTERNAL;
      created.lost = "create returned OK and left *out empty";
      return nullptr;
    }
    return std::make_unique<InprocUnit>(plugin_, made, host);
  }

 private:
  const ccp_plugin* plugin_;
};

}  // namespace

Result<const ccp_plugin*> openLibrary(const Subject& subject, const std::string& scratch) {
  // The same file in memory that ccpd runs; kept for ever, as ccpd keeps it.
  CCP_TRY(const auto sealed, plugin::SealedLibrary::make(scratch, subject.name(), subject.library));
  static auto& kept = *new std::vector<std::shared_ptr<const plugin::SealedLibrary>>();
  kept.push_back(sealed);
  void* handle = ::dlopen(sealed->path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char* why = ::dlerror();
    return fail(Errc::plugin_refused, std::string("the dynamic loader says: ") + (why ? why : "nothing"));
  }
  const auto entry = reinterpret_cast<ccp_plugin_entry_fn>(::dlsym(handle, CCP_ENTRY_SYMBOL));
  if (!entry) return fail(Errc::plugin_refused, "it does not export " CCP_ENTRY_SYMBOL);
  const ccp_plugin* plugin = entry();
  if (!plugin) return fail(Errc::plugin_refused, CCP_ENTRY_SYMBOL "() returned NULL");
  if (entry() != plugin) return fail(Errc::plugin_refused, CCP_ENTRY_SYMBOL "() returned two different objects; it must return one static object");
  return plugin;
}

Result<std::unique_ptr<Plugin>> loadInproc(const Subject& subject, const std::string& scratch) {
  CCP_TRY(const ccp_plugin* plugin, openLibrary(subject, scratch));
  if (!subject.manifest) return fail(Errc::plugin_refused, subject.manifest_problem);
  CCP_CHECK_OK(plugin::checkDescriptor(plugin, *subject.manifest));
  return std::make_unique<InprocPlugin>(plugin);
}

}  // namespace ccp::kit
