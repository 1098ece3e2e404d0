// Level 6: a report on speed. It never fails.
#include <algorithm>

#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

constexpr std::size_t kCalls = 400;
constexpr std::int64_t kBudgetUs = 300000;  ///< per operation

std::string micros(std::int64_t us) { return us < 10000 ? std::to_string(us) + " us" : std::to_string(us / 1000) + " ms"; }

}  // namespace

void latency(Context& t) {
  KitHost host(t.subject, t.config().value_or(Json()));
  const auto unit = t.ready(host);
  if (!unit) return;
  for (const auto& op : t.operations()) {
    const auto inputs = t.inputs(op);
    if (inputs.empty()) continue;
    const std::string in = inputs.front().dump();
    std::vector<std::int64_t> times;
    std::int64_t spent = 0;
    t.step(op.text());
    while (times.size() < kCalls && spent < kBudgetUs) {
      const Outcome answer = unit->op(op.interface_id, op.name, in);
      if (!answer.lost.empty()) return t.note(op.text() + ": " + answer.lost);
      times.push_back(answer.took_us);
      spent += answer.took_us + 1;
      host.forget();
    }
    std::sort(times.begin(), times.end());
    t.note(op.text() + ": p50 " + micros(times[times.size() / 2]) + ", p99 " + micros(times[times.size() * 99 / 100]) + " over " + std::to_string(times.size()) + " calls");
  }
}

}  // namespace ccp::kit::tests
