// Billing scenarios as files: the neutral stories that are compiled into the kit, and what one provider
// brings for them (sdk/conformance/scenarios/README.md). Strict reading; pure functions over files.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"

namespace ccp::kit {

/// One license that a step may end in; what is not set is not compared.
struct Expectation {
  std::optional<std::string> state, plan, reason;
  std::optional<std::int64_t> seats;
  std::optional<Timestamp> ends_at;
  std::vector<std::string> alerts;
  std::string text() const;
};

struct StoryStep {
  std::string id;
  Timestamp at{};
  std::string action;
  std::vector<Expectation> expect;  ///< any of these; empty: not looked at
};

struct Story {
  std::string name, title;
  int grace_days = 7;
  std::string on_dispute = "keep";
  Timestamp start{};
  std::vector<StoryStep> steps;
};

/// How deliveries of a provider are signed, and what it calls our prices and our customer.
struct ProviderCard {
  struct Ids {
    std::string product_id, price_id;
  };
  std::string customer_id;
  std::map<std::string, Ids> catalog;
  std::string secret, key, key_prefix, signed_text;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct RecordedDelivery {
  std::string id, body;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct RecordedAnswer {
  std::string method, path;
  std::multimap<std::string, std::string> query;
  bool gone = false;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct StepRecord {
  std::vector<RecordedDelivery> deliveries;
  std::vector<RecordedAnswer> api;
};

/// A story with what one provider has for it.
struct Scenario {
  Story story;
  std::string problem;      ///< not empty: it cannot be played, and why
  std::string unsupported;  ///< not empty: the provider cannot do it, and why
  std::vector<StepRecord> records;  ///< one for each step of the story
};

/// "38d12h" after `start`.
Result<Timestamp> timeAfter(Timestamp start, std::string_view text);
/// `validation_failed` names the place.
Result<Story> readStory(const std::string& name, const Json& json);
Result<ProviderCard> readProviderCard(const Json& json);
/// Every story of the kit and every one that the folder brings, in order of names.
std::vector<Scenario> scenariosIn(const std::string& folder);
/// Names of the stories that are compiled in.
std::vector<std::string> storyNames();

}  // namespace ccp::kit
