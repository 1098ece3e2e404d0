#include "core/app/policy_wiring.hpp"

namespace ccp::app {
namespace {

/// Until the runtime decides: what the shipped policies say, which is yes.
class Open final : public policy::Decider {
 public:
  policy::Decision decide(const policy::Question&) override {
    policy::Decision out;
    out.allow = true;
    out.verdict = policy::Verdict::allow;
    return out;
  }
};

}  // namespace

Status openPolicies(Graph& g) {
  const auto& settings = g.settings.policy;
  decisions::Options options;
  options.sample_allow = settings.decision_log.sample_allow;
  options.retention = settings.decision_log.retention;
  options.keep_inputs = settings.replay_store.enabled;
  options.input_retention = settings.replay_store.retention;
  options.master_key_file = g.settings.master_key_file.empty() ? g.settings.state_dir + "/master.key" : g.settings.master_key_file;
  options.create_master_key = g.settings.dev();
  CCP_TRY(g.decisions, decisions::Feature::open({*g.db, g.clock, *g.random, g.metrics}, std::move(options)));
  g.decider = std::make_unique<Open>();
  return {};
}

void closePolicies(Graph& g) {
  g.decider.reset();
  g.decisions.reset();
}

}  // namespace ccp::app
