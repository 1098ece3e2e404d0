// A plugin in a process of its own: the same ccp-plugin-host that ccpd starts, served by the kit's host.
#include "sdk/conformance/process_driver.hpp"

#include <algorithm>
#include <utility>

#include "core/isolation/child.hpp"
#include "core/isolation/probe.hpp"
#include "core/package/sealed_library.hpp"
#include "sdk/conformance/driver.hpp"
#include "sdk/conformance/probe_call.hpp"

namespace ccp::kit {
namespace {

constexpr Duration kStart = seconds(15);
/// A deadline that is over is the plugin's to notice; only one that ignores it for so long is killed.
constexpr Duration kExpiredPatience = seconds(3);

std::string& hostProgramPath() {
  static std::string path;
  return path;
}

isolation::CallKind kindOf(Fn fn) {
  using isolation::CallKind;
  switch (fn) {
    case Fn::create: return CallKind::create;
    case Fn::configure: return CallKind::configure;
    case Fn::start: return CallKind::start;
    case Fn::health: return CallKind::health;
    case Fn::drain: return CallKind::drain;
    case Fn::stop: return CallKind::stop;
    case Fn::destroy: return CallKind::destroy;
    case Fn::operation: return CallKind::operation;
    case Fn::tick: return CallKind::tick;
  }
  return CallKind::operation;
}

class ProcessUnit final : public Unit {
 public:
  ProcessUnit(std::unique_ptr<isolation::Child> child, std::size_t output_bytes) : child_(std::move(child)), output_bytes_(output_bytes) {}
  ~ProcessUnit() override { ProcessUnit::destroy(); }

  Outcome run(Fn fn, std::string_view interface_id, std::string_view name, std::string_view in, const CallOptions& options) override {
    static const SystemClock clock;
    ProbeCall call(options);
    isolation::Request request;
    request.kind = kindOf(fn);
    request.interface_id = interface_id;
    request.name = name;
    request.input = in;
    request.call = call.raw();
    request.out_bytes = std::min(output_bytes_, options.out_bytes);
    request.patience = options.deadline_ms > 0 ? Duration(milliseconds(options.deadline_ms)) : options.deadline_ms < 0 ? kExpiredPatience : Duration(seconds(30));
    const std::uint64_t begin = clock.monotonicNs();
    const KitHost::InCall inside;
    const isolation::CallEnd end = child_->run(request);
    Outcome out = call.outcome();
    out.rc = end.rc;
    out.took_us = static_cast<std::int64_t>((clock.monotonicNs() - begin) / 1000);
    if (end.kind == isolation::CallEnd::Kind::overran) out.lost = "it did not end in time, and its process was killed";
    if (end.kind == isolation::CallEnd::Kind::lost) out.lost = "its process ended: " + end.reason;
    return out;
  }

  Outcome destroy() override {
    Outcome out;
    out.rc = CCP_RC_OK;
    if (std::exchange(destroyed_, true)) return out;
    if (child_->alive()) out = run(Fn::destroy, {}, {}, {}, {});
    return out;
  }

 private:
  const std::unique_ptr<isolation::Child> child_;
  const std::size_t output_bytes_;
  bool destroyed_ = false;
};

class ProcessPlugin final : public Plugin {
 public:
  ProcessPlugin(const Subject& subject, std::string program, std::shared_ptr<const plugin::SealedLibrary> library, isolation::Facts facts)
      : subject_(subject), program_(std::move(program)), library_(std::move(library)), facts_(std::move(facts)) {}

  bool implements(std::string_view interface_id, std::string_view op) override {
    for (const auto& [id, operations] : facts_.interfaces) {
      if (id == interface_id) return std::find(operations.begin(), operations.end(), op) != operations.end();
    }
    return false;
  }

  std::unique_ptr<Unit> create(const KitHost& host, std::string_view name, Outcome& created) override {
    isolation::SpawnOptions options;
    options.program = program_;
    options.library_fd = library_->fd();
    options.instance = std::string(name);
    options.manifest = &*subject_.manifest;
    auto child = isolation::Child::spawn(options, host.raw(), kStart);
    if (!child) {
      created.lost = child.error().detail;
      return nullptr;
    }
    auto unit = std::make_unique<ProcessUnit>(std::move(*child), subject_.manifest->output_bytes);
    created = unit->run(Fn::create, {}, name, {}, {});
    if (!created.ok()) return nullptr;
    return unit;
  }

 private:
  const Subject& subject_;
  const std::string program_;
  const std::shared_ptr<const plugin::SealedLibrary> library_;
  const isolation::Facts facts_;
};

}  // namespace

void setHostProgram(const std::string& path) { hostProgramPath() = path; }

Result<std::unique_ptr<Plugin>> loadProcess(const Subject& subject, const std::string& scratch) {
  std::string program = hostProgramPath();
  if (program.empty()) {
    CCP_TRY(program, isolation::hostProgram(true));
  }
  CCP_TRY(auto library, plugin::SealedLibrary::make(scratch, subject.name(), subject.library));
  CCP_TRY(auto facts, isolation::probe(program, library->fd(), kStart));
  return std::make_unique<ProcessPlugin>(subject, std::move(program), std::move(library), std::move(facts));
}

}  // namespace ccp::kit
