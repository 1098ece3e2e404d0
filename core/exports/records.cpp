#include "core/exports/records.hpp"

#include <cmath>

#include "core/decisions/rules.hpp"

namespace ccp::exports {
namespace {

/// Milliseconds with three decimals: a sketch is exact to 1 % only.
Json rounded(const std::optional<double>& ms) { return ms ? Json(std::round(*ms * 1000) / 1000) : Json(); }

}  // namespace

NewRecord recordOf(const db::OutboxEvent& event) {
  return {event.org, event.id, event.type, event.subject, event.at, event.data.isObject() ? event.data : Json::object()};
}

NewRecord recordOf(const usage::AcceptedRollup& rollup) {
  const usage::Block& block = rollup.block;
  const usage::Counters& c = block.counters;
  Json data = Json::object({{"rollup", rollup.id},
                            {"revision", static_cast<long long>(block.revision)},
                            {"source", rollup.source.id},
                            {"seat", rollup.source.seat.empty() ? Json() : Json(rollup.source.seat)},
                            {"period", usage::toString(block.period)},
                            {"start_at", formatRfc3339(block.start_at)},
                            {"model", block.model},
                            {"lane", block.lane},
                            {"requests", static_cast<long long>(c.requests)},
                            {"errors", static_cast<long long>(c.errors)},
                            {"input_tokens", static_cast<long long>(c.input_tokens)},
                            {"output_tokens", static_cast<long long>(c.output_tokens)},
                            {"cache_read_tokens", static_cast<long long>(c.cache_read_tokens)},
                            {"cache_write_tokens", static_cast<long long>(c.cache_write_tokens)},
                            {"cost_microusd", c.cost_microusd ? Json(static_cast<long long>(*c.cost_microusd)) : Json()}});
  Json ttft;
  if (block.ttft && !block.ttft->empty()) {
    ttft = block.ttft->json();
    ttft.set("p50_ms", rounded(block.ttft->quantile(0.5)));
    ttft.set("p90_ms", rounded(block.ttft->quantile(0.9)));
    ttft.set("p99_ms", rounded(block.ttft->quantile(0.99)));
  }
  data.set("ttft", std::move(ttft));
  return {rollup.source.org, rollup.id + "." + std::to_string(block.revision), "usage.rollup", rollup.id, rollup.received_at, std::move(data)};
}

NewRecord recordOf(const decisions::LoggedDecision& decision) {
  Json data = decisions::recordJson(decision);
  data.set("digest", decision.digest);
  return {decision.org, decision.id, "policy.decision", decision.node, decision.at, std::move(data)};
}

}  // namespace ccp::exports
