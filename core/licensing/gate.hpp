// Asks the policies about every feature of a plan (decision point feature.gate): entitlement AND policy.
// Called outside of units of work. Stateless; any thread.
#pragma once

#include <string>
#include <vector>

#include "core/licensing/service.hpp"
#include "policy/decision/decision.hpp"

namespace ccp::licensing {

struct DeniedFeature {
  std::string feature;
  std::string reason;    ///< the policy's, for people
  std::string rule;
  std::string decision;  ///< dec_…: what `ccp policy explain` takes
};

struct GatedFeatures {
  std::vector<std::string> features;  ///< of the entitlements, those that the policies allow, in their order
  std::vector<DeniedFeature> denied;
  /// What the tool does without a feature: {feature: "enforce"|"warn"|"log"}. Every feature that is allowed
  /// is named; a denied one only when the policy says something softer than "enforce".
  Json enforce = Json::object();
  std::string notice;  ///< a friendly sentence of the policies; may be empty
};

/// `introspect` is what policies know as `status`, asked again every few seconds for as long as a token is used.
enum class GateAction { issue, refresh, status, introspect };
GatedFeatures gate(policy::Decider& policies, GateAction action, const http::Principal& who, const License& license, const Entitlements& entitlements);

}  // namespace ccp::licensing
