// Drives one plugin in one isolation mode: the same tests for both. A Plugin is the loaded library, a Unit
// one instance of it; every call gets sinks, deadline and cancellation of the test's choice.
// Threads: Unit::run on any thread, many at once.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "sdk/conformance/host/kit_host.hpp"
#include "sdk/conformance/subject.hpp"

namespace ccp::kit {

enum class Mode { file, inproc, process };
const char* modeName(Mode mode) noexcept;

enum class Fn { create, configure, start, health, drain, stop, destroy, operation, tick };

struct CallOptions {
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
  std::int64_t deadline_ms = 10000;  ///< from now; negative: over already; 0: none
  std::size_t out_bytes = kNever;    ///< the sink refuses what would go beyond
  std::size_t err_bytes = 16384;
  /// -1: never; n: is_cancelled answers 1 from its n-th question on.
  int cancel_after = -1;
  const std::atomic<bool>* cancelled = nullptr;
};

struct Outcome {
  ccp_rc rc = CCP_RC_INTERNAL;
  std::string out, err;
  std::string lost;        ///< not empty: the call never came back, and why
  bool wrote_on = false;   ///< wrote to a sink that had refused
  int polls = 0;           ///< questions to is_cancelled
  std::int64_t took_us = 0;
  bool ok() const noexcept { return lost.empty() && rc == CCP_RC_OK; }
  /// "UNAVAILABLE (provider_down: …)" for messages.
  std::string text() const;
};

class Unit {
 public:
  virtual ~Unit() = default;
  virtual Outcome run(Fn fn, std::string_view interface_id, std::string_view name, std::string_view in, const CallOptions& options = {}) = 0;
  /// Once; the destructor does it when the test did not.
  virtual Outcome destroy() = 0;

  Outcome control(Fn fn, std::string_view in = "{}") { return run(fn, {}, {}, in); }
  Outcome op(std::string_view interface_id, std::string_view name, std::string_view in, const CallOptions& options = {}) {
    return run(Fn::operation, interface_id, name, in, options);
  }
};

class Plugin {
 public:
  virtual ~Plugin() = default;
  /// An instance; empty with `created` saying why.
  virtual std::unique_ptr<Unit> create(const KitHost& host, std::string_view name, Outcome& created) = 0;
  /// The descriptor in this process; nullptr in a process of its own.
  virtual const ccp_plugin* descriptor() const { return nullptr; }
  virtual bool implements(std::string_view interface_id, std::string_view op) = 0;
};

/// Loads the subject. `plugin_refused` says what the loader found.
Result<std::unique_ptr<Plugin>> loadInproc(const Subject& subject, const std::string& scratch);
Result<std::unique_ptr<Plugin>> loadProcess(const Subject& subject, const std::string& scratch);
/// The descriptor that the library returns, unchecked; `plugin_refused` when there is none.
Result<const ccp_plugin*> openLibrary(const Subject& subject, const std::string& scratch);

}  // namespace ccp::kit
