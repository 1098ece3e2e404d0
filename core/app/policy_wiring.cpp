#include "core/app/policy_wiring.hpp"

#include <algorithm>

namespace ccp::app {

Status openPolicies(Graph& g) {
  CCP_CHECK_OK(policy::Engine::selfTest());
  const auto& settings = g.settings.policy;
  decisions::Options options;
  options.sample_allow = settings.decision_log.sample_allow;
  options.retention = settings.decision_log.retention;
  options.keep_inputs = settings.replay_store.enabled;
  options.input_retention = settings.replay_store.retention;
  options.master_key_file = g.settings.masterKeyFile();
  options.create_master_key = g.settings.dev();
  CCP_TRY(g.decisions, decisions::Feature::open({*g.db, g.clock, *g.random, g.metrics}, std::move(options)));

  const auto channel = policy::channelFromName(settings.channel).value_or(policy::Channel::prod);
  policy::Runtime::Options running;
  running.channel = channel;
  running.stale_grace = settings.stale_grace;
  running.lanes = settings.lanes;
  g.engine = std::make_unique<policy::Engine>();
  g.runtime = std::make_unique<policy::Runtime>(policy::Runtime::Deps{*g.engine, g.clock, *g.random, g.metrics, g.decisions->sink()}, std::move(running));

  policies::Node::Options node;
  node.folder = g.state->file("policy");
  node.channel = channel;
  node.operator_pin = settings.root_sha256;
  node.trust_first = g.settings.dev();
  node.shadow_dev = settings.shadow_dev && channel == policy::Channel::prod;
  node.id = g.decisions->node();  // one name per process, in the log and in reports
  g.policy_node = std::make_unique<policies::Node>(policies::Node::Deps{*g.db, g.clock, g.metrics, *g.runtime}, std::move(node));
  g.policy_node->open();
  return {};
}

void openPolicySets(Graph& g) {
  policies::Publisher::Options options;
  options.operator_pin = g.settings.policy.root_sha256;
  options.pin_required = !g.settings.dev();
  options.max_flip = g.settings.policy.max_flip;
  options.node = g.policy_node->options().id;
  options.channel = g.policy_node->options().channel;
  g.policies = std::make_unique<policies::Feature>(
      policies::Feature::Deps{*g.db, g.clock, g.metrics, g.licensing->keys(), *g.decisions, *g.runtime, *g.policy_node}, std::move(options));
  g.decision_review = std::make_unique<decisions::Review>(decisions::Review::Deps{
      *g.decisions, *g.runtime, *g.engine, g.clock,
      [&g](const std::string& set, const std::string& sha256) { return g.policies->source().past(set, sha256); }, g.settings.policy.lanes});
}

void closePolicies(Graph& g) {
  g.runtime->onLoad({});
  g.runtime->onRollback({});
  g.policy_node.reset();
  g.runtime.reset();
  g.engine.reset();
  g.decisions.reset();
}

}  // namespace ccp::app
