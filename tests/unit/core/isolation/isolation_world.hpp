// What tests of process isolation share: the puppet plugin in a process of its own, a host in C tables whose
// services remember what they were asked, and calls with sinks.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "ccp/abi/host.h"
#include "core/base/file.hpp"
#include "core/isolation/child.hpp"
#include "core/package/sealed_library.hpp"

namespace ccp::test {

inline ccp_rc put(const ccp_sink* sink, std::string_view text) { return sink->write(sink, text.data(), text.size()); }

/// A ccp_call of the test, with sinks that keep what is written.
class TestCall {
 public:
  explicit TestCall(std::size_t out_bytes = std::size_t{4} << 20) {
    out_.max = out_bytes;
    err_.max = 16 * 1024;
    handle_.raw = {sizeof(ccp_call), 0, 0, text(request_id), text(tenant), text(idempotency_key), &out_.sink, &err_.sink,
                   [](const ccp_call* call) -> std::int32_t { return reinterpret_cast<const Handle*>(call)->cancelled.load() ? 1 : 0; }};
  }
  TestCall(const TestCall&) = delete;
  const ccp_call* raw() const { return &handle_.raw; }
  ccp_call& mutableRaw() { return handle_.raw; }
  void cancel() { handle_.cancelled = true; }
  const std::string& out() const { return out_.text; }
  const std::string& err() const { return err_.text; }
  /// {"value":"…"} of the puppet.
  std::string value() const {
    const auto json = parseJson(out_.text, {std::size_t{64} << 20, 8});
    return json ? json->strOr("value") : "no JSON: " + out_.text.substr(0, 200);
  }

  std::string request_id = "req_1", tenant = "org_1", idempotency_key = "key_1";

 private:
  static ccp_str text(const std::string& s) { return {s.data(), s.size()}; }
  struct Sink {
    ccp_sink sink{sizeof(ccp_sink), 0, this, [](const ccp_sink* s, const void* data, std::size_t len) -> ccp_rc {
                    auto& self = *static_cast<Sink*>(s->ctx);
                    if (len > self.max - self.text.size()) return CCP_RC_RESOURCE_EXHAUSTED;
                    self.text.append(static_cast<const char*>(data), len);
                    return CCP_RC_OK;
                  }};
    std::string text;
    std::size_t max = 0;
  } out_, err_;
  struct Handle {
    ccp_call raw{};
    std::atomic<bool> cancelled{false};
  } handle_;
};

/// The services in memory. Thread-safe.
class TestHost {
 public:
  TestHost() {
    host = {sizeof host, CCP_ABI_MAJOR, CCP_ABI_MINOR, this, "testd", "9.9.9",
            [](const ccp_host* self, const char* id) -> const void* {
              auto& me = *static_cast<TestHost*>(self->ctx);
              const auto at = me.tables.find(id);
              return at == me.tables.end() ? nullptr : at->second;
            },
            "dev"};
    log = {sizeof log, 0, this, [](const ccp_log_v1* t, std::int32_t, ccp_str event, ccp_str fields) {
             auto& me = *static_cast<TestHost*>(t->ctx);
             const std::lock_guard lock(me.mutex);
             me.lines.push_back(std::string(event.ptr, event.len) + " " + std::string(fields.ptr, fields.len));
           }};
    clock = {sizeof clock, 0, this, [](const ccp_clock_v1* t) { return static_cast<TestHost*>(t->ctx)->wall_us.load(); },
             [](const ccp_clock_v1* t) { return static_cast<std::uint64_t>(static_cast<TestHost*>(t->ctx)->wall_us.load()) * 1000; }};
    kv = {sizeof kv, 0, this,
          [](const ccp_kv_v1* t, const ccp_call*, ccp_str key, const ccp_sink* out, std::int64_t* version) -> ccp_rc {
            auto& me = *static_cast<TestHost*>(t->ctx);
            std::string value;
            {
              const std::lock_guard lock(me.mutex);
              const auto at = me.values.find(std::string(key.ptr, key.len));
              if (at == me.values.end()) return CCP_RC_NOT_FOUND;
              value = at->second;
            }
            *version = 7;
            return put(out, value);
          },
          [](const ccp_kv_v1* t, const ccp_call* call, ccp_str key, ccp_str value, std::int64_t, std::int64_t, std::int64_t* version) -> ccp_rc {
            auto& me = *static_cast<TestHost*>(t->ctx);
            if (me.on_kv_put) me.on_kv_put();
            const std::lock_guard lock(me.mutex);
            me.values[std::string(key.ptr, key.len)] = std::string(value.ptr, value.len);
            me.served_on.push_back(std::this_thread::get_id());
            me.served_for.push_back(call ? std::string(call->request_id.ptr, call->request_id.len) : "nobody");
            *version = 8;
            return CCP_RC_OK;
          },
          [](const ccp_kv_v1*, const ccp_call*, ccp_str, std::int64_t) -> ccp_rc { return CCP_RC_CONFLICT; }};
    scheduler = {sizeof scheduler, 0, this, [](const ccp_scheduler_v1* t, const ccp_call*, ccp_str name, std::int64_t interval, ccp_op) -> ccp_rc {
                   auto& me = *static_cast<TestHost*>(t->ctx);
                   const std::lock_guard lock(me.mutex);
                   me.lines.push_back("every " + std::string(name.ptr, name.len) + " " + std::to_string(interval));
                   return CCP_RC_OK;
                 }};
    tables = {{CCP_LOG_ID, &log}, {CCP_CLOCK_ID, &clock}, {CCP_KV_ID, &kv}, {CCP_SCHEDULER_ID, &scheduler}};
  }

  ccp_host host{};
  ccp_log_v1 log{};
  ccp_clock_v1 clock{};
  ccp_kv_v1 kv{};
  ccp_scheduler_v1 scheduler{};
  std::map<std::string, const void*> tables;
  std::function<void()> on_kv_put;
  std::atomic<std::int64_t> wall_us{1'800'000'000'000'000};
  std::mutex mutex;
  std::map<std::string, std::string> values;
  std::vector<std::string> lines;
  std::vector<std::string> served_for;
  std::vector<std::thread::id> served_on;
};

inline std::shared_ptr<const plugin::SealedLibrary> libraryOf(const std::string& name) {
  const auto bytes = readFile(std::string(CCP_BINARY_DIR) + "/tests/plugins/" + name + "/" + name + ".so", std::size_t{256} << 20);
  REQUIRE_MESSAGE(bytes.has_value(), name);
  auto library = plugin::SealedLibrary::inMemory(name, *bytes);
  REQUIRE(library.has_value());
  return *library;
}

inline const std::string& hostProgram() {
  static const std::string path = std::string(CCP_BINARY_DIR) + "/bin/ccp-plugin-host";
  return path;
}

inline plugin::Manifest puppetManifest() {
  plugin::Manifest m;
  m.id = "ccp.test-puppet";
  m.version = "1.0.0";
  m.provides = {"ccp.identity/1"};
  m.max_concurrency = 8;
  m.output_bytes = std::size_t{4} << 20;
  return m;
}

/// The puppet in a process of its own; created, unless the test wants to do that.
class Puppet {
 public:
  explicit Puppet(const std::string& name = "puppet", bool create = true) : library_(libraryOf("test_puppet")) {
    isolation::SpawnOptions options;
    options.program = hostProgram();
    options.library_fd = library_->fd();
    options.instance = name;
    options.manifest = &manifest;
    auto spawned = isolation::Child::spawn(options, &host.host);
    REQUIRE_MESSAGE(spawned.has_value(), spawned.error().detail);
    child = std::move(*spawned);
    if (create) {
      TestCall call;
      const auto end = run(isolation::CallKind::create, call, {});
      REQUIRE((end.kind == isolation::CallEnd::Kind::answered));
      REQUIRE(end.rc == CCP_RC_OK);
    }
  }

  isolation::CallEnd run(isolation::CallKind kind, TestCall& call, std::string_view input, std::string_view name = {}) {
    isolation::Request request;
    request.kind = kind;
    request.name = name;
    if (kind == isolation::CallKind::operation) {
      request.interface_id = "ccp.identity/1";
      if (name.empty()) request.name = "begin";
    }
    request.input = input;
    request.call = call.raw();
    request.out_bytes = manifest.output_bytes;
    request.patience = patience;
    return child->run(request);
  }
  isolation::CallEnd deed(TestCall& call, const std::string& what, const std::string& text = {}, long n = 0, const std::string& path = {}) {
    Json in = Json::object({{"do", what}, {"text", text}, {"n", n}});
    if (!path.empty()) in.set("path", path);
    return run(isolation::CallKind::operation, call, in.dump());
  }
  /// The value that the deed answers with.
  std::string ask(const std::string& what, const std::string& text = {}, long n = 0, const std::string& path = {}) {
    TestCall call;
    const auto end = deed(call, what, text, n, path);
    if (end.kind != isolation::CallEnd::Kind::answered) return "lost: " + end.reason;
    return end.rc == CCP_RC_OK ? call.value() : "rc " + std::to_string(end.rc);
  }

  TestHost host;
  plugin::Manifest manifest = puppetManifest();
  Duration patience = seconds(20);
  std::unique_ptr<isolation::Child> child;

 private:
  std::shared_ptr<const plugin::SealedLibrary> library_;
};

}  // namespace ccp::test
