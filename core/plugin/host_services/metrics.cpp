#include <algorithm>
#include <cmath>

#include "core/plugin/host_services/services.hpp"

namespace ccp::plugin {
namespace {

constexpr std::size_t kMaxMetrics = 64;
constexpr std::size_t kMaxLabels = 4;
constexpr std::size_t kMaxLabelSets = 100;
constexpr std::size_t kMaxLabelValue = 64;

bool isName(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 64 && text[0] >= 'a' && text[0] <= 'z' &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

MetricsService::MetricsService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  table_ = {sizeof table_, 0, this,
            [](const ccp_metrics_v1* t, std::int32_t kind, ccp_str name, ccp_str help, ccp_str labels, std::uint32_t* handle) noexcept -> ccp_rc {
              return serve([&] { return static_cast<MetricsService*>(t->ctx)->define(kind, viewOf(name), viewOf(help), viewOf(labels), handle); });
            },
            [](const ccp_metrics_v1* t, std::uint32_t handle, double value, ccp_str labels) noexcept {
              serve([&] {
                static_cast<MetricsService*>(t->ctx)->record(handle, value, viewOf(labels));
                return CCP_RC_OK;
              });
            }};
}

ccp_rc MetricsService::define(std::int32_t kind, std::string_view name, std::string_view help, std::string_view labels, std::uint32_t* handle) {
  if (!handle || !isName(name) || help.size() > 200 || kind < CCP_METRIC_COUNTER || kind > CCP_METRIC_HISTOGRAM) return CCP_RC_INVALID_ARGUMENT;
  Metric metric{kind, std::string(name), std::string(help), {}, {}, true};
  if (!labels.empty()) {
    const auto list = parseJson(labels, {4096, 2});
    if (!list || !list->isArray() || list->size() > kMaxLabels) return CCP_RC_INVALID_ARGUMENT;
    for (const Json& item : list->items()) {
      const std::string* label = item.asString();
      if (!label || !isName(*label) || *label == "plugin" || *label == "instance" || *label == "le") return CCP_RC_INVALID_ARGUMENT;
      metric.labels.push_back(*label);
    }
  }
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < metrics_.size(); ++i) {
    Metric& known = metrics_[i];
    if (known.name != name) continue;
    if (known.defined || known.kind != kind || known.labels != metric.labels) return CCP_RC_CONFLICT;
    known.defined = true;
    *handle = static_cast<std::uint32_t>(i);
    return CCP_RC_OK;
  }
  if (metrics_.size() >= kMaxMetrics) return CCP_RC_RESOURCE_EXHAUSTED;
  *handle = static_cast<std::uint32_t>(metrics_.size());
  metrics_.push_back(std::move(metric));
  return CCP_RC_OK;
}

void MetricsService::restarted() {
  const std::lock_guard lock(mutex_);
  for (Metric& metric : metrics_) metric.defined = false;
}

void MetricsService::record(std::uint32_t handle, double value, std::string_view labels) {
  const auto drop = [this] {
    host_.metrics.counter("ccp_plugin_metrics_dropped_total", "Measurements of plugins that break their own definition", {{"instance", grants_.name}}).add();
  };
  Labels set{{"plugin", grants_.manifest.id}, {"instance", grants_.name}};
  const auto given = labels.empty() ? Result<Json>(Json::object()) : parseJson(labels, {4096, 2});
  Metric metric;
  {
    const std::lock_guard lock(mutex_);
    if (handle >= metrics_.size() || !metrics_[handle].defined || !given || !std::isfinite(value)) return drop();
    Metric& known = metrics_[handle];
    // Every label of the definition is there in every series; Prometheus wants it so.
    for (const auto& name : known.labels) set[name] = given->strOr(name).substr(0, kMaxLabelValue);
    for (const auto& [name, unused] : given->members()) {
      if (std::find(known.labels.begin(), known.labels.end(), name) == known.labels.end()) return drop();
    }
    if (known.seen.count(set) == 0) {
      if (known.seen.size() >= kMaxLabelSets) return drop();
      known.seen.insert(set);
    }
    metric = {known.kind, known.name, known.help, {}, {}, true};
  }
  const std::string name = "ccp_plugin_" + metric.name;
  if (metric.kind == CCP_METRIC_COUNTER) {
    if (value < 0) return drop();
    host_.metrics.counter(name, metric.help, set).add(value);
  } else if (metric.kind == CCP_METRIC_GAUGE) {
    host_.metrics.gauge(name, metric.help, set).set(value);
  } else {
    host_.metrics.histogram(name, metric.help, set).observe(value);
  }
}

}  // namespace ccp::plugin
