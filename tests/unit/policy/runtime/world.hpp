// What tests of the runtime share: a clock of their own, a sink that remembers, packs that say their version.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/log.hpp"
#include "policy/runtime/runtime.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/policy_sets.hpp"

namespace ccp::test {

class MemorySink final : public policy::DecisionSink {
 public:
  void take(policy::DecisionRecord&& record) noexcept override {
    const std::lock_guard lock(mutex_);
    records_.push_back(std::move(record));
    added_.notify_all();
  }
  std::vector<policy::DecisionRecord> records() const {
    const std::lock_guard lock(mutex_);
    return records_;
  }
  policy::DecisionRecord last() const {
    const std::lock_guard lock(mutex_);
    REQUIRE_FALSE(records_.empty());
    return records_.back();
  }
  /// Records of drafts, once there are `count` of them.
  std::vector<policy::DecisionRecord> shadows(std::size_t count) const {
    std::unique_lock lock(mutex_);
    std::vector<policy::DecisionRecord> out;
    added_.wait_for(lock, std::chrono::seconds(20), [&] {
      out.clear();
      for (const auto& record : records_) {
        if (record.shadow) out.push_back(record);
      }
      return out.size() >= count;
    });
    return out;
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable added_;
  std::vector<policy::DecisionRecord> records_;
};

struct World {
  explicit World(policy::Runtime::Options options = {}) : runtime({engine, clock, random, metrics, sink}, std::move(options)) {}
  FakeClock clock{kPolicyTime};
  SystemRandom random;
  Metrics metrics;
  MemorySink sink;
  policy::Engine engine;
  policy::Runtime runtime;

  policy::Decision ask(const std::string& model = "claude-sonnet-4-5", const std::string& org = {}) {
    return runtime.decide({policy::Point::model_use, org, {}, modelInput(model)});
  }
  policy::SetStatus offer(policy::VerifiedSet set, const policy::ActivationOptions& options = {}) {
    auto out = runtime.offer(std::move(set), options);
    if (!out) FAIL(policy::toString(out.error().stage), ": ", out.error().error.text());
    return *out;
  }
  policy::Refusal refused(policy::VerifiedSet set, const policy::ActivationOptions& options = {}) {
    auto out = runtime.offer(std::move(set), options);
    REQUIRE_FALSE(out);
    return out.error();
  }
  double gauge(const std::string& name, const Labels& labels = {}) { return metrics.gauge(name, "", labels).value(); }
};

/// Allows, and says its version in the obligation `key`.
inline std::string saying(const std::string& key, std::int64_t version) {
  return "function decide(input) return { allow = true, obligations = { " + key + " = " + std::to_string(version) + " } } end";
}
inline policy::VerifiedSet modelSet(const std::string& org, std::int64_t version, const std::string& source, policy::Channel channel = policy::Channel::dev) {
  return makeSet(org, version, {makePack(org, "models", version, {{policy::Point::model_use, source}})}, channel);
}
const inline std::string kAllowAll = "function decide(input) return { allow = true, rule = \"all\" } end";
const inline std::string kDenyAll = "function decide(input) return { allow = false, rule = \"none\", reason = \"no\" } end";
/// Fails on one model, or on the version given.
inline std::string failing(std::int64_t version) {
  return "function decide(input) if input.model == \"boom\" then error(\"no such thing\") end return { allow = true, rule = \"v" + std::to_string(version) + "\" } end";
}

/// Waits for what another thread does.
inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace ccp::test
