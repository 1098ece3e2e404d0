#include "core/isolation/program/program.hpp"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>

#include "ccp/abi/all.h"
#include "core/isolation/channel.hpp"
#include "core/isolation/facts.hpp"
#include "core/isolation/program/link.hpp"
#include "core/isolation/program/remote_host.hpp"
#include "core/isolation/program/sandbox.hpp"
#include "core/package/interfaces.hpp"
#include "core/package/loader.hpp"

namespace ccp::isolation {
namespace {

/// The parent decides how many calls run at once (max_concurrency); this only ends a mistake of ours.
constexpr int kMaxThreads = 512;

/// What the library's descriptor is after the loader has looked at it.
Result<const ccp_plugin*> load() {
  const std::string path = "/proc/self/fd/" + std::to_string(kLibraryFd);
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    return fail(Errc::plugin_refused, std::string("it cannot be loaded: ") + (why ? why : "no reason given"));
  }
  const auto entry = reinterpret_cast<ccp_plugin_entry_fn>(::dlsym(library, CCP_ENTRY_SYMBOL));
  const ccp_plugin* plugin = entry ? entry() : nullptr;
  if (!plugin) return fail(Errc::plugin_refused, "it exports no " CCP_ENTRY_SYMBOL " that returns a descriptor");
  return plugin;
}

void dieWithParent() {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // Arenas are address space, which is limited.
  ::mallopt(M_ARENA_MAX, 4);
}

// --- calls ----------------------------------------------------------------------------------------

struct Buffer {
  ccp_sink sink{};
  std::string text;
  std::size_t max = 0;

  explicit Buffer(std::size_t the_max) : max(the_max) { sink = {sizeof sink, 0, this, &Buffer::append}; }
  static ccp_rc append(const ccp_sink* sink, const void* data, std::size_t len) noexcept {
    auto& self = *static_cast<Buffer*>(sink->ctx);
    if (len > self.max - self.text.size()) return CCP_RC_RESOURCE_EXHAUSTED;
    try {
      self.text.append(static_cast<const char*>(data), len);
    } catch (...) {
      return CCP_RC_RESOURCE_EXHAUSTED;
    }
    return CCP_RC_OK;
  }
};

struct Handle {
  ccp_call call{};  // first: is_cancelled gets a pointer to it
  RunningCall* running = nullptr;
  RemoteHost* host = nullptr;
};

std::int32_t isCancelled(const ccp_call* call) noexcept {
  const auto* handle = reinterpret_cast<const Handle*>(call);
  const std::uint64_t deadline = call->deadline_mono_ns;
  return handle->running->cancelled.load(std::memory_order_relaxed) || (deadline != 0 && handle->host->monoNs() >= deadline) ? 1 : 0;
}

ccp_str strOf(std::string_view text) noexcept { return {text.data(), text.size()}; }

class Program {
 public:
  Program(const Hello& hello, const ccp_plugin* plugin)
      : hello_(hello), link_(kSocketFd, [this] { return grow(); }), host_(hello_, link_), plugin_(plugin) {}

  [[noreturn]] void work() {
    for (;;) run(link_.nextCall());
  }

 private:
  /// Called with the link locked: it only starts the thread.
  bool grow() {
    if (threads_ >= kMaxThreads) return false;
    try {
      std::thread([this] {
        link_.arrived();
        work();
      }).detach();
    } catch (const std::exception&) {
      return false;  // out of memory or threads: the ones that are there go on
    }
    ++threads_;
    return true;
  }

  void run(const Frame& frame) {
    const auto call = decodeCall(frame.body);
    if (!call) ::_exit(71);
    host_.setClock(call->mono_offset_ns, call->wall_offset_us);
    Buffer out(call->out_bytes), err(kErrBytes);
    ccp_rc rc = CCP_RC_INTERNAL;
    {
      RunningCall running(frame.header.call);
      link_.enter(running);
      Handle handle;
      handle.running = &running;
      handle.host = &host_;
      handle.call = {sizeof(ccp_call), 0, call->deadline_mono_ns, strOf(call->request_id), strOf(call->tenant), strOf(call->idempotency_key),
                     &out.sink, &err.sink, &isCancelled};
      try {
        rc = invoke(*call, &handle.call);
      } catch (...) {
        // Against the contract; the SDK's guard() lets nothing through.
        static constexpr std::string_view kDetail = R"({"detail":"an exception crossed the plugin boundary"})";
        link_.tell({Method::log_write, {CCP_LOG_ERROR, 0}, {"misbehaving", kDetail, {}}});
        err.text = kDetail;
      }
      link_.leave(running);
    }
    const std::string body = encode(CallResult{rc, out.text, err.text});
    auto packet = pack(Kind::result, frame.header.call, 0, body);
    if (!packet) {
      const std::string refused = encode(CallResult{CCP_RC_RESOURCE_EXHAUSTED, {}, R"({"detail":"the plugin's process has no memory for the result"})"});
      link_.send(Kind::result, frame.header.call, 0, refused);
    } else if (send(kSocketFd, *packet, Duration(-1)) != Io::ok) {
      ::_exit(0);
    }
  }

  ccp_rc invoke(const Call& call, const ccp_call* raw) {
    const ccp_str in = strOf(call.input);
    if (call.kind == CallKind::create) {
      ccp_instance* made = nullptr;
      const ccp_rc rc = plugin_->create(host_.table(), strOf(hello_.instance), &made);
      instance_ = made;
      if (rc == CCP_RC_OK && !made) {
        static constexpr std::string_view kDetail = R"({"detail":"create said ok and made no instance"})";
        raw->err->write(raw->err, kDetail.data(), kDetail.size());
        return CCP_RC_INTERNAL;
      }
      return rc;
    }
    ccp_instance* const instance = instance_;
    if (!instance) return call.kind == CallKind::destroy ? CCP_RC_OK : CCP_RC_INTERNAL;
    switch (call.kind) {
      case CallKind::configure: return plugin_->configure(instance, raw, in);
      case CallKind::start: return plugin_->start(instance, raw, in);
      case CallKind::health: return plugin_->health(instance, raw, in);
      case CallKind::drain: return plugin_->drain(instance, raw, in);
      case CallKind::stop: return plugin_->stop(instance, raw, in);
      case CallKind::destroy: plugin_->destroy(instance_.exchange(nullptr)); return CCP_RC_OK;
      case CallKind::tick: {
        const ccp_op op = host_.tick(std::string(call.name));
        return op ? op(instance, raw, in) : CCP_RC_UNIMPLEMENTED;
      }
      case CallKind::operation: {
        const void* table = plugin_->extension(plugin_, std::string(call.interface_id).c_str());
        const ccp_op op = table ? plugin::operationIn(table, call.interface_id, call.name) : nullptr;
        return op ? op(instance, raw, in) : CCP_RC_UNIMPLEMENTED;
      }
      case CallKind::create: break;
    }
    return CCP_RC_INTERNAL;
  }

  const Hello& hello_;
  Link link_;
  RemoteHost host_;
  const ccp_plugin* const plugin_;
  std::atomic<ccp_instance*> instance_{nullptr};
  std::atomic<int> threads_{1};
};

Result<Hello> readHello() {
  std::vector<Frame> frames;
  Receiver receiver(kSocketFd, 1, kMaxBodyBytes);
  if (receiver.receive(frames) != Io::ok || frames.empty() || frames[0].header.kind != Kind::hello) {
    return fail(Errc::bad_encoding, "no hello came");
  }
  return decodeHello(frames[0].body);
}

}  // namespace

void servePlugin() {
  dieWithParent();
  auto read = readHello();
  if (!read) ::_exit(64);
  // Never destroyed, like the program below: a plugin may call exit() while other threads read it.
  const auto* hello = new Hello(std::move(*read));
  Welcome welcome;
  const auto answer = [&welcome] {
    Link(kSocketFd, [] { return false; }).send(Kind::welcome, 0, 0, encode(welcome));
  };
  const auto refuse = [&](std::string why) {
    welcome.refusal = std::move(why);
    answer();
    ::_exit(65);
  };
  if (hello->version_min > kVersionMax || hello->version_max < kVersionMin) {
    refuse("ccp-plugin-host speaks version " + std::to_string(kVersionMin) + " to " + std::to_string(kVersionMax) + " of the protocol, ccpd " +
           std::to_string(hello->version_min) + " to " + std::to_string(hello->version_max) + "; install both from one release");
  }
  welcome.version = hello->version_max < kVersionMax ? hello->version_max : kVersionMax;
  SandboxOptions sandbox;
  sandbox.memory_bytes = hello->memory_bytes;
  auto confined = confine(sandbox);
  if (!confined) refuse(confined.error().detail);
  welcome.confinement = *confined;
  auto plugin = load();
  if (!plugin) refuse(plugin.error().detail);
  plugin::Manifest manifest;
  manifest.id = hello->plugin_id;
  manifest.version = hello->plugin_version;
  manifest.provides = hello->provides;
  if (const Status checked = plugin::checkDescriptor(*plugin, manifest); !checked) refuse(checked.error().detail);
  auto facts = factsOf(*plugin, hello->provides);
  if (!facts) refuse(facts.error().detail);
  welcome.facts = std::move(*facts);
  // Never destroyed: a plugin that calls exit() must not wait for threads that are asleep in here.
  auto* program = new Program(*hello, *plugin);
  answer();
  program->work();
}

int probePlugin() {
  dieWithParent();
  const auto say = [](const Json& json) {
    const std::string text = json.dump() + "\n";
    return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  };
  const auto refuse = [&](const std::string& why) {
    say(Json::object({{"error", why}}));
    return 1;
  };
  SandboxOptions sandbox;
  sandbox.memory_bytes = std::uint64_t{4} << 30;
  if (const auto confined = confine(sandbox); !confined) return refuse(confined.error().detail);
  auto plugin = load();
  if (!plugin) return refuse(plugin.error().detail);
  static const std::vector<std::string> kAll{CCP_BILLING_ID, CCP_IDENTITY_ID, CCP_NOTIFIER_ID, CCP_EXPORTER_ID, CCP_INBOUND_ID};
  const auto facts = factsOf(*plugin, kAll);
  if (!facts) return refuse(facts.error().detail);
  const bool said = say(toJson(*facts));
  // As in servePlugin(): the library's destructors are not run.
  ::_exit(said ? 0 : 1);
}

}  // namespace ccp::isolation
