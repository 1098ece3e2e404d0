// The provider of a scenario as HTTP: what its fixture says that it answers, at the step that the clock of
// the story has reached. Single-threaded, as the tests that play scenarios.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "sdk/conformance/host/kit_host.hpp"
#include "sdk/conformance/scenario/story.hpp"

namespace ccp::kit {

class ProviderApi {
 public:
  explicit ProviderApi(const Scenario& scenario) : scenario_(scenario) {}

  /// The provider is as it was after this step; steps count from 0.
  void moveTo(std::size_t step) { step_ = step; }
  HttpAnswer answer(const HttpAsk& ask);
  /// Requests that the fixture has no answer for, each once.
  const std::set<std::string>& unanswered() const noexcept { return unanswered_; }

 private:
  const Scenario& scenario_;
  std::size_t step_ = 0;
  std::set<std::string> unanswered_;
};

}  // namespace ccp::kit
