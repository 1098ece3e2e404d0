// What tests of running plugins share: a host on a temporary database with scripted HTTP, and a plugin in
// C whose operations are functions of the test.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ccp/abi/all.h"
#include "core/plugin/pipeline.hpp"
#include "core/plugin/plugin_host.hpp"
#include "tests/support/temp_db.hpp"

namespace ccp::test {

/// Answers with what the test says and remembers what was asked.
class ScriptedHttp final : public net::HttpClient {
 public:
  struct Asked {
    net::HttpRequest request;
    net::HttpOptions options;
  };
  Result<net::HttpResponse> send(const net::HttpRequest& request, const net::HttpOptions& options) override {
    const std::lock_guard lock(mutex_);
    asked.push_back({request, options});
    return answer;
  }
  std::vector<Asked> asked;
  Result<net::HttpResponse> answer = net::HttpResponse{200, {{"X-Answer", "yes"}}, "body"};

 private:
  std::mutex mutex_;
};

/// The C plugin: one static table whose operations ask the functions below.
struct ScriptedPlugin {
  using Op = std::function<ccp_rc(const ccp_host*, const ccp_call*, std::string_view in)>;
  std::map<std::string, Op> ops;  ///< "configure", "start", "begin", "poll", …; missing: answers {}
  std::vector<std::string> seen;  ///< what was called, in order
  std::atomic<ccp_rc> create_rc = CCP_RC_OK;
  bool remember = true;  ///< false: `seen` stays empty, for tests of many calls
  /// Which instance a call belongs to, by its host table: 1 for the first that was created.
  std::map<const ccp_host*, int> generations;
  int generationOf(const ccp_host* host) {
    const std::lock_guard lock(mutex);
    return generations[host];
  }
  std::atomic<int> created = 0;
  std::atomic<int> destroyed = 0;
  /// The last reference to an instance may be the worker's that ran its last call: destruction follows
  /// that call, not the test's. Waits at most five seconds for it.
  int destroyedAfter(int expected) const {
    for (int i = 0; i < 500 && destroyed.load() < expected; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return destroyed.load();
  }

  static ScriptedPlugin& get() {
    static ScriptedPlugin one;
    return one;
  }
  void reset() {
    ops.clear();
    seen.clear();
    generations.clear();
    create_rc = CCP_RC_OK;
    remember = true;
    created = 0;
    destroyed = 0;
  }
  static const ccp_plugin* descriptor();

  std::mutex mutex;
};

inline ccp_rc put(const ccp_sink* sink, std::string_view text) { return sink->write(sink, text.data(), text.size()); }

namespace scripted {

struct Made {
  const ccp_host* host;
};

inline ccp_rc run(const char* name, ccp_instance* instance, const ccp_call* call, ccp_str in) {
  auto& script = ScriptedPlugin::get();
  ScriptedPlugin::Op op;
  {
    const std::lock_guard lock(script.mutex);
    if (script.remember) script.seen.emplace_back(name);
    if (const auto at = script.ops.find(name); at != script.ops.end()) op = at->second;
  }
  if (op) return op(reinterpret_cast<Made*>(instance)->host, call, in.len ? std::string_view(in.ptr, in.len) : std::string_view());
  if (std::strcmp(name, "describe") == 0) return put(call->out, R"({"kind":"device"})");
  return put(call->out, std::strcmp(name, "health") == 0 ? R"({"status":"ok"})" : "{}");
}

#define CCP_SCRIPTED(op) \
  [](ccp_instance* i, const ccp_call* c, ccp_str in) -> ccp_rc { return scripted::run(#op, i, c, in); }

}  // namespace scripted

inline const ccp_plugin* ScriptedPlugin::descriptor() {
  static const ccp_identity_v1 identity = {sizeof identity,        0,
                                           CCP_SCRIPTED(begin),    CCP_SCRIPTED(poll),
                                           CCP_SCRIPTED(complete), CCP_SCRIPTED(refresh),
                                           CCP_SCRIPTED(revoke),   CCP_SCRIPTED(describe)};
  static const ccp_billing_v1 billing = [] {
    ccp_billing_v1 table{};
    table.size = sizeof table;
    table.ensure_customer = CCP_SCRIPTED(ensure_customer);
    table.create_checkout = CCP_SCRIPTED(create_checkout);
    table.get_checkout = CCP_SCRIPTED(get_checkout);
    table.create_portal_link = CCP_SCRIPTED(create_portal_link);
    table.get_subscription = CCP_SCRIPTED(get_subscription);
    table.list_subscriptions = CCP_SCRIPTED(list_subscriptions);
    table.change_subscription = CCP_SCRIPTED(change_subscription);
    table.report_usage = CCP_SCRIPTED(report_usage);
    table.list_prices = CCP_SCRIPTED(list_prices);
    table.fetch_event = CCP_SCRIPTED(fetch_event);
    table.diagnose = CCP_SCRIPTED(diagnose);
    table.verify_webhook = CCP_SCRIPTED(verify_webhook);
    table.parse_webhook = CCP_SCRIPTED(parse_webhook);
    table.list_events = CCP_SCRIPTED(list_events);
    return table;
  }();
  static const ccp_plugin plugin = {
      CCP_PLUGIN_MAGIC, sizeof(ccp_plugin), CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, "ccp.test-scripted", "1.0.0", "",
      [](const ccp_host* host, ccp_str, ccp_instance** out) -> ccp_rc {
        if (const ccp_rc rc = get().create_rc; rc != CCP_RC_OK) return rc;
        const int generation = ++get().created;
        {
          const std::lock_guard lock(get().mutex);
          get().generations[host] = generation;
        }
        *out = reinterpret_cast<ccp_instance*>(new scripted::Made{host});
        return CCP_RC_OK;
      },
      CCP_SCRIPTED(configure), CCP_SCRIPTED(start), CCP_SCRIPTED(health), CCP_SCRIPTED(drain), CCP_SCRIPTED(stop),
      [](ccp_instance* i) {
        ++get().destroyed;
        delete reinterpret_cast<scripted::Made*>(i);
      },
      [](const ccp_plugin*, const char* id) -> const void* {
        if (std::strcmp(id, CCP_IDENTITY_ID) == 0) return &identity;
        return std::strcmp(id, CCP_BILLING_ID) == 0 ? &billing : nullptr;
      }};
  return &plugin;
}

/// A plugin host around the scripted plugin.
class PluginWorld {
 public:
  explicit PluginWorld(bool dev = true, const Clock* clock = nullptr, Duration patience = seconds(5))
      : db_(db::Dialect::sqlite, {&plugin::kMigrations}),
        secrets("/nowhere", {{"CCP_SECRET_TEST_TOKEN", "s3cret"}, {"CCP_SECRET_TEST_KEY64", "whsec_a2V5"}, {"CCP_SECRET_TEST_EMPTY", ""}, {"CCP_SECRET_TEST_PREFIX", "whsec_"}, {"CCP_SECRET_OTHER_TOKEN", "not for you"},
          // RFC 8032 7.1 test 2: the seed in base64, in base64url, with its public key, with another one.
          {"CCP_SECRET_TEST_SEED", "whsk_TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs="},
          {"CCP_SECRET_TEST_SEEDURL", "TM0Imyj_ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U-4pvs"},
          {"CCP_SECRET_TEST_SEEDPUB", "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDA=="},
          {"CCP_SECRET_TEST_SEEDBAD", "TM0Imyj/ltqdtsNG7BFOD1uKMZ81q6Yk2oz27U+4pvs9QBfD6EOJWpK3CqdNG368nJgszy7ElozAzVXxKvRmDQ=="}}),
        host(db_.db(), http, secrets, clock ? *clock : db_.clock, db_.random, metrics, settings(dev, patience)) {
    ScriptedPlugin::get().reset();
    manifest = *parseJson(R"({"schema":"ccp.plugin/1","id":"ccp.test-scripted","version":"1.0.0","abi":{"major":1,"min_minor":0},
      "provides":["ccp.identity/1"],
      "requires":["ccp.http/1","ccp.kv/1","ccp.secrets/1","ccp.crypto/1","ccp.metrics/1","ccp.events/1","ccp.scheduler/1"],
      "permissions":{"egress":["https://api.example.com"],"secrets":["test/*"],"kv_bytes":64,"events":["thing.happened"]},
      "isolation":{"allowed":["inproc"]},"max_concurrency":2,"limits":{"op_timeout_ms":2000,"output_bytes":4096}})");
    instance.name = "one";
    instance.plugin = "ccp.test-scripted";
  }
  Status load() { return host.loadLinked(instance, ScriptedPlugin::descriptor(), manifest, schema); }
  /// Runs `op` inside of an operation of the loaded plugin, as plugin code would; what it returned.
  ccp_rc inside(const std::function<ccp_rc(const ccp_host*, const ccp_call*)>& op, const std::string& tenant = {}) {
    ccp_rc rc = CCP_RC_INTERNAL;
    const auto called = provider();  // the look-up asks for describe once
    ScriptedPlugin::get().ops["describe"] = [&](const ccp_host* h, const ccp_call* call, std::string_view) {
      rc = op(h, call);
      return put(call->out, R"({"kind":"device"})");
    };
    plugin::CallContext context;
    context.tenant = tenant;
    auto answer = called->describe(context);
    REQUIRE_MESSAGE(answer.has_value(), answer.error().detail);
    ScriptedPlugin::get().ops.erase("describe");
    return rc;
  }
  TempDb& env() { return db_; }
  std::shared_ptr<plugin::IdentityProvider> provider() { return *host.identity().ofKind("device"); }

 private:
  static plugin::PluginHostSettings settings(bool dev, Duration patience) {
    plugin::PluginHostSettings out;
    out.dev = dev;
    out.drain_timeout = patience;
    return out;
  }
  TempDb db_;

 public:
  ScriptedHttp http;
  config::SecretStore secrets;
  Metrics metrics;
  Json manifest;
  Json schema;
  config::PluginInstance instance;
  plugin::PluginHost host;
};

}  // namespace ccp::test
