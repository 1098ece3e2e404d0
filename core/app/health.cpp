#include "core/app/health.hpp"

#include <limits>

namespace ccp::app {
namespace {

Json entry(const char* status, const std::string& detail = {}) {
  Json out = Json::object({{"status", status}});
  if (!detail.empty()) out.set("detail", detail);
  return out;
}

}  // namespace

Json liveness() {
  return Json::object({{"status", "ok"}, {"version", CCP_VERSION}});
}

Readiness checkReadiness(Graph& graph) {
  Readiness out;
  bool degraded = false;
  Json checks = Json::object();
  const auto require = [&](const char* name, const Status& status) {
    checks.set(name, status ? entry("ok") : entry("failing", status.error().text()));
    if (!status) out.ready = false;
  };
  require("store", graph.db->ping());
  require("keys", graph.licensing->keys().fresh());
  require("revocations",
          graph.licensing->revocations().check({}, {}, std::numeric_limits<std::int64_t>::max()));
  for (const auto& plugin : graph.plugins->list()) {
    const bool well = plugin.state == "ready";
    checks.set("plugin:" + plugin.name,
               well ? entry("ok")
                    : entry("degraded",
                            plugin.state + (plugin.detail.empty() ? "" : ": " + plugin.detail)));
    degraded = degraded || !well;
  }
  if (graph.draining) {
    checks.set("serving", entry("failing", "shutting down"));
    out.ready = false;
  }
  out.report = Json::object({{"status", !out.ready ? "unavailable"
                                        : degraded ? "degraded"
                                                   : "ok"},
                             {"version", CCP_VERSION},
                             {"checks", std::move(checks)}});
  return out;
}

}  // namespace ccp::app
