#include "core/billing/reconcile_report.hpp"

#include <algorithm>

#include "core/base/log.hpp"

namespace ccp::billing {

void ReconcileLog::failed(const std::string& instance, const Error& error) {
  metrics_
      .counter("ccp_billing_reconcile_failures_total", "Questions to a provider that failed",
               {{"instance", instance}})
      .add();
  log::warn("billing.reconcile_failed", {{"instance", instance}, {"detail", error.text()}});
  if (error.code == Errc::rate_limited)
    budget_.pause(instance, seconds(std::max(error.retry_after_s, 30)));
  if (error.code == Errc::plugin_unavailable || error.code == Errc::unavailable)
    budget_.pause(instance, seconds(10));
  update([&](ReconcileReport& report) {
    ++report.failures;
    report.last_call_at = clock_.now();
    report.last_error[instance] = error.text();
  });
}

void ReconcileLog::succeeded(const std::string& instance) {
  update([&](ReconcileReport& report) {
    report.last_call_at = clock_.now();
    report.last_error.erase(instance);
  });
}

void ReconcileLog::compared(std::int64_t subscriptions) {
  update([&](ReconcileReport& report) { report.subscriptions += subscriptions; });
}

void ReconcileLog::repaired(const std::string& instance) {
  update([](ReconcileReport& report) { ++report.repaired; });
  metrics_
      .counter("ccp_billing_reconcile_repairs_total",
               "Subscriptions that a webhook had not brought up to date", {{"instance", instance}})
      .add();
}

ReconcileReport ReconcileLog::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace ccp::billing
