// What a call into a plugin costs: through the C table, through the C++ SDK with JSON, through an instance,
// and in a process of its own beside a bare ping-pong of the same bytes over the same kind of socket. One
// JSON line a figure; rounds of the two sides of a ratio are interleaved, figures are medians.
#include <dlfcn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "ccp/abi/host.h"
#include "ccp/abi/identity.h"
#include "core/base/file.hpp"
#include "core/base/json.hpp"
#include "core/base/log.hpp"
#include "core/isolation/child.hpp"
#include "core/isolation/wire.hpp"
#include "core/package/package.hpp"
#include "core/plugin/inproc_runner.hpp"
#include "core/plugin/instance.hpp"
#include "core/plugin/process_runner.hpp"

using namespace ccp;
using Clock_ = std::chrono::steady_clock;

namespace {

constexpr int kRounds = 15;
const std::string kInput = R"({"client_id":"ccusage","scope":"packs usage","device_name":"laptop"})";

[[noreturn]] void die(const std::string& text) {
  std::fprintf(stderr, "plugin_calls: %s\n", text.c_str());
  std::exit(1);
}
template <class T>
T must(Result<T> result) {
  if (!result) die(result.error().text());
  return std::move(*result);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}
double rounded(double value) { return std::round(value * 100) / 100; }

/// Nanoseconds for each of `count` runs.
template <class F>
double timed(int count, F&& fn) {
  const auto began = Clock_::now();
  for (int i = 0; i < count; ++i) fn();
  return std::chrono::duration<double, std::nano>(Clock_::now() - began).count() / count;
}

void emit(const std::string& name, double value, const char* unit, const char* peer = nullptr, double peer_value = 0, double ratio = 0) {
  Json line = Json::object({{"name", name}, {"value", rounded(value)}, {"unit", unit}});
  if (peer) {
    line.set("peer", peer);
    line.set("peer_value", rounded(peer_value));
    line.set("ratio", rounded(ratio));
  }
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

// --- the parts of a call ------------------------------------------------------------------------------

struct Sink {
  ccp_sink sink{sizeof(ccp_sink), 0, this, [](const ccp_sink* s, const void* data, std::size_t len) -> ccp_rc {
                  static_cast<Sink*>(s->ctx)->text.append(static_cast<const char*>(data), len);
                  return CCP_RC_OK;
                }};
  std::string text;
};

struct Call {
  Sink out, err;
  ccp_call raw{sizeof(ccp_call), 0, 0, {"req_1", 5}, {"", 0}, {"", 0}, &out.sink, &err.sink, [](const ccp_call*) -> std::int32_t { return 0; }};
};

const void* noService(const ccp_host*, const char*) { return nullptr; }
const ccp_host kHost = {sizeof kHost, CCP_ABI_MAJOR, CCP_ABI_MINOR, nullptr, "bench", "0", &noService, "dev"};

/// The peer of the C table: what a call costs that cannot be inlined.
struct Base {
  virtual ~Base() = default;
  virtual ccp_rc run(const ccp_call* call, ccp_str in) = 0;
};
struct Derived final : Base {
  ccp_rc run(const ccp_call* call, ccp_str) override { return call->out->write(call->out, "{\"kind\":\"device\"}", 17); }
};

std::string libraryPath(const std::string& name) { return std::string(CCP_BINARY_DIR) + "/bench/plugins/" + name + "/" + name + ".so"; }

struct Loaded {
  ccp_instance* instance = nullptr;
  const ccp_identity_v1* table = nullptr;
};

Loaded load(const std::string& name) {
  void* library = ::dlopen(libraryPath(name).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) die(::dlerror());
  const auto* plugin = reinterpret_cast<ccp_plugin_entry_fn>(::dlsym(library, CCP_ENTRY_SYMBOL))();
  Loaded out;
  if (plugin->create(&kHost, {"bench", 5}, &out.instance) != CCP_RC_OK) die(name + " was not created");
  out.table = static_cast<const ccp_identity_v1*>(plugin->extension(plugin, CCP_IDENTITY_ID));
  return out;
}

void tables() {
  const Loaded c = load("bench_echo_c"), sdk = load("bench_echo_sdk");
  Derived derived;
  Base* volatile hidden = &derived;  // not devirtualised
  const ccp_op volatile op = c.table->begin;
  Call call;
  const ccp_str in{kInput.data(), kInput.size()};
  std::vector<double> ours, peers, cpp;
  for (int round = 0; round < kRounds; ++round) {
    peers.push_back(timed(200'000, [&] {
      call.out.text.clear();
      hidden->run(&call.raw, in);
    }));
    ours.push_back(timed(200'000, [&] {
      call.out.text.clear();
      op(c.instance, &call.raw, in);
    }));
    cpp.push_back(timed(20'000, [&] {
      call.out.text.clear();
      if (sdk.table->begin(sdk.instance, &call.raw, in) != CCP_RC_OK) die("echo_sdk failed");
    }));
  }
  emit("plugin_call_c_table", median(ours), "ns", "virtual call", median(peers), median(ours) / median(peers));
  emit("plugin_call_c_table_over_virtual", median(ours) - median(peers), "ns");
  emit("plugin_call_cpp_sdk_json", median(cpp) / 1000, "us", "virtual call", median(peers) / 1000, median(cpp) / median(peers));
}

// --- instances, in process and in a process of their own ----------------------------------------------

struct NoHttp final : net::HttpClient {
  Result<net::HttpResponse> send(const net::HttpRequest&, const net::HttpOptions&) override { return fail(Errc::unreachable); }
};

struct World {
  World() {
    char name[] = "/tmp/ccp-bench-XXXXXX";
    folder = ::mkdtemp(name);
    db::Options options;
    options.url = "sqlite://" + folder + "/bench.db";
    db = must(db::Db::open(options, clock, random, metrics));
  }
  ~World() {
    db.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  std::string folder;
  SystemClock clock;
  SystemRandom random;
  Metrics metrics;
  NoHttp http;
  config::SecretStore secrets{"/nowhere", {}};
  std::unique_ptr<db::Db> db;
  plugin::HostContext context() { return {*db, http, secrets, clock, random, metrics, true}; }
};

plugin::Manifest manifestOf(const std::string& name) {
  return must(plugin::parseManifest(must(readFile(std::string(CCP_BINARY_DIR) + "/bench/plugins/" + name + "/plugin.json"))));
}

void instances(World& world) {
  const auto context = world.context();
  const plugin::Manifest manifest = manifestOf("bench_echo_sdk");
  void* library = ::dlopen(libraryPath("bench_echo_sdk").c_str(), RTLD_NOW | RTLD_LOCAL);
  const auto* descriptor = reinterpret_cast<ccp_plugin_entry_fn>(::dlsym(library, CCP_ENTRY_SYMBOL))();
  plugin::WorkerPool pool(16);
  plugin::Supervisor supervisor;
  const auto sealed = must(plugin::SealedLibrary::inMemory("echo", must(readFile(libraryPath("bench_echo_sdk")))));
  plugin::Instance inproc(context, {"inproc", manifest, {}}, plugin::inprocRunner(world.clock, pool, descriptor));
  plugin::Instance process(context, {"process", manifest, {}},
                           plugin::processRunner(context, supervisor, {std::string(CCP_BINARY_DIR) + "/bin/ccp-plugin-host", sealed, {}, {}}));
  if (!inproc.start({}, {}) || !process.start({}, {})) die("an instance did not start");
  const Json in = must(parseJson(kInput));
  const auto call = [&in](plugin::Instance& instance) {
    const auto place = must(instance.enter({}));
    must(instance.call(place, CCP_IDENTITY_ID, "begin", {}, in));
  };
  std::vector<double> here, there;
  for (int round = 0; round < kRounds; ++round) {
    here.push_back(timed(1000, [&] { call(inproc); }));
    there.push_back(timed(1000, [&] { call(process); }));
  }
  emit("plugin_instance_call_in_process", median(here) / 1000, "us");
  emit("plugin_instance_call_own_process", median(there) / 1000, "us", "in process", median(here) / 1000, median(there) / median(here));
  inproc.stop(seconds(1));
  process.stop(seconds(1));
}

// --- the process boundary beside a bare socket ------------------------------------------------------------

/// A process that answers each packet with `answer` bytes, and nothing else. Made before any thread is.
class PingPong {
 public:
  explicit PingPong(std::size_t answer) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) die("socketpair");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(fds[0]);
      std::vector<char> buffer(64 * 1024);
      while (::recv(fds[1], buffer.data(), buffer.size(), 0) > 0) {
        if (::send(fds[1], buffer.data(), answer, 0) < 0) break;
      }
      ::_exit(0);
    }
    ::close(fds[1]);
    socket_ = fds[0];
  }
  ~PingPong() {
    ::close(socket_);
    ::waitpid(pid_, nullptr, 0);
  }
  PingPong(const PingPong&) = delete;
  PingPong& operator=(const PingPong&) = delete;
  void round(const std::string& request) {
    if (::send(socket_, request.data(), request.size(), 0) < 0 || ::recv(socket_, buffer_, sizeof buffer_, 0) <= 0) die("ping-pong");
  }

 private:
  int socket_ = -1;
  pid_t pid_ = 0;
  char buffer_[64 * 1024];
};

struct Sizes {
  std::size_t request = 0, answer = 0;
};
/// What one call of ours puts on the wire.
Sizes sizesOfCall() {
  isolation::Call call;
  call.interface_id = CCP_IDENTITY_ID;
  call.name = "begin";
  call.request_id = "req_1";
  call.input = kInput;
  return {isolation::kHeaderBytes + isolation::encode(call).size(),
          isolation::kHeaderBytes + isolation::encode(isolation::CallResult{CCP_RC_OK, "{\"kind\":\"device\"}", ""}).size()};
}

void processes(PingPong& ping, const Sizes& sizes) {
  const plugin::Manifest manifest = manifestOf("bench_echo_c");
  const auto sealed = must(plugin::SealedLibrary::inMemory("echo", must(readFile(libraryPath("bench_echo_c")))));
  isolation::SpawnOptions options{std::string(CCP_BINARY_DIR) + "/bin/ccp-plugin-host", sealed->fd(), "bench", &manifest, false};
  const auto child = must(isolation::Child::spawn(options, &kHost));
  const auto run = [&](Call& call, isolation::CallKind kind) {
    call.out.text.clear();
    isolation::Request request;
    request.kind = kind;
    request.interface_id = CCP_IDENTITY_ID;
    request.name = "begin";
    request.input = kInput;
    request.call = &call.raw;
    if (const auto end = child->run(request); end.kind != isolation::CallEnd::Kind::answered || end.rc != CCP_RC_OK) die("a call failed: " + end.reason);
  };
  Call call;
  run(call, isolation::CallKind::create);
  const std::string request(sizes.request, 'x');
  std::vector<double> ours, bare, ratios;
  for (int round = 0; round < kRounds; ++round) {
    bare.push_back(timed(4000, [&] { ping.round(request); }));
    ours.push_back(timed(4000, [&] { run(call, isolation::CallKind::operation); }));
    ratios.push_back(ours.back() / bare.back());
  }
  emit("plugin_process_call", median(ours) / 1000, "us", "bare SOCK_SEQPACKET ping-pong", median(bare) / 1000, median(ratios));
  std::vector<double> rates;
  for (int round = 0; round < 7; ++round) {
    constexpr int kCallers = 8, kCalls = 5000;
    const double ns = timed(1, [&] {
      std::vector<std::thread> callers;
      for (int i = 0; i < kCallers; ++i) {
        callers.emplace_back([&] {
          Call own;
          for (int n = 0; n < kCalls; ++n) run(own, isolation::CallKind::operation);
        });
      }
      for (auto& caller : callers) caller.join();
    });
    rates.push_back(kCallers * kCalls / (ns / 1e9));
  }
  emit("plugin_process_calls_per_second_8", median(rates), "1/s", "goal", 50'000, median(rates) / 50'000);
}

}  // namespace

int main() {
  log::setLevel(log::Level::error);
  const Sizes sizes = sizesOfCall();
  PingPong ping(sizes.answer);
  tables();
  processes(ping, sizes);
  World world;
  instances(world);
}
