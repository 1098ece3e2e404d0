// The C++ SDK: write one class, end the file with CCP_PLUGIN(MyClass).
//
//   class Echo {
//    public:
//     using Provides = ccp::Provides<ccp::Billing>;          // #include "ccp/billing.hpp"
//     Echo(ccp::Host& host, std::string name);               // or Echo(ccp::Host&), or Echo()
//     void configure(ccp::Call&, const ccp::json& config);   // optional, as are:
//     void start(ccp::Call&); ccp::json health(ccp::Call&); void drain(ccp::Call&); void stop(ccp::Call&);
//     ccp::json ensureCustomer(ccp::Call&, const ccp::json& in);   // the operations of Billing
//   };
//   CCP_PLUGIN(Echo)
//
// A method with the name of an operation and another signature does not compile, nor does a class that
// lacks a required operation of an interface that it provides. Optional operations that are missing
// answer UNIMPLEMENTED. Methods may throw anything; see guard.hpp.
// ccp_add_plugin() defines CCP_PLUGIN_ID and CCP_PLUGIN_VERSION from plugin.json.
// Threads: operations run on many host threads at once, up to max_concurrency of the manifest.
#pragma once

#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "ccp/abi/host.h"
#include "ccp/abi/plugin.h"
#include "ccp/error.hpp"
#include "ccp/guard.hpp"
#include "ccp/host.hpp"
#include "ccp/json.hpp"
#include "ccp/text.hpp"

namespace ccp {
inline namespace sdk_v1 {

/// The interfaces that a class provides.
template <class... Interfaces>
struct Provides {
  template <class P>
  static const void* find(const char* id) noexcept {
    const void* table = nullptr;
    static_cast<void>(((std::strcmp(id, Interfaces::kId) == 0 ? (table = Interfaces::template table<P>(), true) : false) || ...));
    return table;
  }
};

namespace detail {

template <class P>
struct Instance {
  Instance(const ccp_host* raw, std::string name) : host(raw), plugin(make(host, std::move(name))) {}
  static Instance& from(ccp_instance* i) noexcept { return *reinterpret_cast<Instance*>(i); }
  Host host;
  P plugin;

 private:
  static P make(Host& host, std::string name) {
    if constexpr (std::is_constructible_v<P, Host&, std::string>) {
      return P(host, std::move(name));
    } else if constexpr (std::is_constructible_v<P, Host&>) {
      return P(host);
    } else {
      static_assert(std::is_default_constructible_v<P>, "a plugin class is made from (ccp::Host&, std::string name), (ccp::Host&) or ()");
      return P();
    }
  }
};

/// Runs `fn(plugin, call, input)` of an instance behind guard().
template <class P, class F>
ccp_rc run(ccp_instance* i, const ccp_call* raw, ccp_str in, F fn) noexcept {
  return guard(raw, [&] {
    auto& self = Instance<P>::from(i);
    Call call(self.host, raw);
    return fn(self.plugin, call, in);
  });
}

inline ccp_rc unimplemented(ccp_instance*, const ccp_call* call, ccp_str) noexcept {
  return guard(call, [] { throw Error::unimplemented("this plugin does not provide the operation"); });
}

}  // namespace detail

// CCP_SDK_DETECT(name): detail::Has_name<P>::value is true when P has any member `name`, whatever its
// type: taking its address through a class that inherits a second one is ambiguous exactly then.
#define CCP_SDK_DETECT(name)                                                \
  template <class P>                                                        \
  struct Has_##name {                                                       \
    struct Second {                                                         \
      int name;                                                             \
    };                                                                      \
    struct Both : P, Second {};                                             \
    template <class U>                                                      \
    static std::false_type test(decltype(&U::name)*);                       \
    template <class U>                                                      \
    static std::true_type test(...);                                        \
    static constexpr bool value = decltype(test<Both>(nullptr))::value;     \
  };

// CCP_SDK_OP(interface id, name): slot_name<P, required>() is the ccp_op for P::name.
#define CCP_SDK_OP(iface, name)                                                                            \
  CCP_SDK_DETECT(name)                                                                                     \
  template <class P, class = void>                                                                         \
  struct Fits_##name : std::false_type {};                                                                 \
  template <class P>                                                                                       \
  struct Fits_##name<P, std::enable_if_t<                                                                  \
                            std::is_same_v<decltype(std::declval<P&>().name(std::declval<Call&>(),         \
                                                                            std::declval<const json&>())), \
                                           json> ||                                                        \
                            std::is_void_v<decltype(std::declval<P&>().name(std::declval<Call&>(),         \
                                                                            std::declval<const json&>()))>>> \
      : std::true_type {};                                                                                 \
  template <class P, bool Required>                                                                        \
  constexpr ccp_op slot_##name() noexcept {                                                                \
    if constexpr (Has_##name<P>::value) {                                                                  \
      static_assert(Fits_##name<P>::value,                                                                 \
                    iface ": " #name " must be public: ccp::json " #name "(ccp::Call&, const ccp::json&)"); \
      return [](ccp_instance* i, const ccp_call* c, ccp_str in) noexcept -> ccp_rc {                       \
        return run<P>(i, c, in, [](P& plugin, Call& call, ccp_str text) {                                  \
          return plugin.name(call, parseInput(toView(text)));                                               \
        });                                                                                                \
      };                                                                                                   \
    } else {                                                                                               \
      static_assert(!Required, iface ": a plugin that provides it must implement " #name);                 \
      return &unimplemented;                                                                               \
    }                                                                                                      \
  }

namespace detail {

CCP_SDK_DETECT(configure)
CCP_SDK_DETECT(start)
CCP_SDK_DETECT(health)
CCP_SDK_DETECT(drain)
CCP_SDK_DETECT(stop)

/// The functions of ccp_plugin for one class.
template <class P>
struct Lifecycle {
  static_assert(!std::is_final_v<P>, "a plugin class must not be final: the SDK looks for its methods through inheritance");

  static ccp_rc create(const ccp_host* host, ccp_str name, ccp_instance** out) noexcept {
    return guard(nullptr, [&] {
      auto made = std::make_unique<Instance<P>>(host, std::string(toView(name)));
      *out = reinterpret_cast<ccp_instance*>(made.release());
    });
  }
  static void destroy(ccp_instance* i) noexcept {
    guard(nullptr, [&] { std::unique_ptr<Instance<P>>(&Instance<P>::from(i)).reset(); });
  }
  static ccp_rc configure(ccp_instance* i, const ccp_call* c, ccp_str in) noexcept {
    return run<P>(i, c, in, []([[maybe_unused]] P& p, [[maybe_unused]] Call& call, [[maybe_unused]] ccp_str text) {
      if constexpr (Has_configure<P>::value) p.configure(call, parseJson(toView(text)));
    });
  }
  static ccp_rc start(ccp_instance* i, const ccp_call* c, ccp_str in) noexcept {
    return run<P>(i, c, in, []([[maybe_unused]] P& p, [[maybe_unused]] Call& call, ccp_str) {
      if constexpr (Has_start<P>::value) p.start(call);
    });
  }
  static ccp_rc health(ccp_instance* i, const ccp_call* c, ccp_str in) noexcept {
    return run<P>(i, c, in, []([[maybe_unused]] P& p, [[maybe_unused]] Call& call, ccp_str) -> json {
      if constexpr (Has_health<P>::value) return p.health(call);
      return json{{"status", "ok"}};
    });
  }
  static ccp_rc drain(ccp_instance* i, const ccp_call* c, ccp_str in) noexcept {
    return run<P>(i, c, in, []([[maybe_unused]] P& p, [[maybe_unused]] Call& call, ccp_str) {
      if constexpr (Has_drain<P>::value) p.drain(call);
    });
  }
  static ccp_rc stop(ccp_instance* i, const ccp_call* c, ccp_str in) noexcept {
    return run<P>(i, c, in, []([[maybe_unused]] P& p, [[maybe_unused]] Call& call, ccp_str) {
      if constexpr (Has_stop<P>::value) p.stop(call);
    });
  }
  static const void* extension(const ccp_plugin*, const char* id) noexcept {
    return id ? P::Provides::template find<P>(id) : nullptr;
  }
};

template <class M>
struct MethodOf;
template <class P>
struct MethodOf<void (P::*)(Call&)> {
  using Class = P;
};

}  // namespace detail

/// The descriptor of a plugin class; `id` and `version` live for ever.
template <class P>
const ccp_plugin* describePlugin(const char* id, const char* version) noexcept {
  using L = detail::Lifecycle<P>;
  static const ccp_plugin plugin = {CCP_PLUGIN_MAGIC, sizeof(ccp_plugin), CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, id, version,
                                    "ccp C++ SDK 1.1", &L::create, &L::configure, &L::start, &L::health, &L::drain,
                                    &L::stop, &L::destroy, &L::extension};
  return &plugin;
}

/// In start(): every<&MyClass::tick>(call, "sync", 60000) makes the host call `void tick(ccp::Call&)`.
template <auto Method>
void every(Call& call, std::string_view name, std::int64_t interval_ms) {
  using P = typename detail::MethodOf<decltype(Method)>::Class;
  const auto* table = call.host().table<ccp_scheduler_v1>(CCP_SCHEDULER_ID);
  const ccp_op tick = [](ccp_instance* i, const ccp_call* c, ccp_str in) noexcept -> ccp_rc {
    return detail::run<P>(i, c, in, [](P& p, Call& inner, ccp_str) { (p.*Method)(inner); });
  };
  detail::check(CCP_SDK_FN(table, every)(table, call.raw(), toStr(name), interval_ms, tick), "scheduler");
}

}  // namespace sdk_v1
}  // namespace ccp

/// Defines the one exported symbol. Once per plugin, at the end of a .cpp file.
#define CCP_PLUGIN(Class)                                                            \
  extern "C" CCP_EXPORT const ccp_plugin* ccp_plugin_entry_v1(void) {                \
    return ::ccp::describePlugin<Class>(CCP_PLUGIN_ID, CCP_PLUGIN_VERSION);          \
  }
