// A decider that tests own: allows everything unless told otherwise, and remembers what it was asked.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "policy/decision/decision.hpp"

namespace ccp::test {

class FakeDecider final : public policy::Decider {
 public:
  policy::Decision decide(const policy::Question& question) override {
    const std::lock_guard lock(mutex);
    asked.push_back(question);
    policy::Decision out;
    out.id = "dec_" + std::to_string(asked.size());
    out.allow = true;
    if (answer) answer(question, out);
    out.verdict = out.allow ? policy::Verdict::allow : policy::Verdict::deny;
    return out;
  }

  std::mutex mutex;
  std::function<void(const policy::Question&, policy::Decision&)> answer;
  std::vector<policy::Question> asked;
};

}  // namespace ccp::test
