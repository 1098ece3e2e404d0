#include "core/base/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>

namespace ccp {
namespace {

struct PrometheusCounter final : Counter {
  explicit PrometheusCounter(prometheus::Counter& target) : target_(target) {}
  void add(double n) override { target_.Increment(n); }
  double value() const override { return target_.Value(); }
  prometheus::Counter& target_;
};
struct PrometheusGauge final : Gauge {
  explicit PrometheusGauge(prometheus::Gauge& target) : target_(target) {}
  void set(double v) override { target_.Set(v); }
  void add(double n) override { target_.Increment(n); }
  double value() const override { return target_.Value(); }
  prometheus::Gauge& target_;
};
struct PrometheusHistogram final : Histogram {
  explicit PrometheusHistogram(prometheus::Histogram& target) : target_(target) {}
  void observe(double v) override { target_.Observe(v); }
  prometheus::Histogram& target_;
};

}  // namespace

struct Metrics::Impl {
  template <class Handle>
  using Handles = std::map<std::string, std::map<Labels, std::unique_ptr<Handle>>>;
  template <class Handle, class Make>
  Handle& handle(Handles<Handle>& handles, const std::string& name, const Labels& labels, Make make) {
    const std::lock_guard lock(mutex);
    auto& slot = handles[name][labels];
    if (!slot) slot = make();
    return *slot;
  }

  std::mutex mutex;
  std::shared_ptr<prometheus::Registry> registry = std::make_shared<prometheus::Registry>();
  Handles<Counter> counters;
  Handles<Gauge> gauges;
  Handles<Histogram> histograms;
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->handle(impl_->counters, name, labels, [&]() -> std::unique_ptr<Counter> {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(*impl_->registry);
    return std::make_unique<PrometheusCounter>(family.Add(labels));
  });
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return impl_->handle(impl_->gauges, name, labels, [&]() -> std::unique_ptr<Gauge> {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(*impl_->registry);
    return std::make_unique<PrometheusGauge>(family.Add(labels));
  });
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels,
                              const std::vector<double>& bounds) {
  return impl_->handle(impl_->histograms, name, labels, [&]() -> std::unique_ptr<Histogram> {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(*impl_->registry);
    return std::make_unique<PrometheusHistogram>(family.Add(labels, bounds));
  });
}

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(impl_->registry->Collect()); }

}  // namespace ccp
