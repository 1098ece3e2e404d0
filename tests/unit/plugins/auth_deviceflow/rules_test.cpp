#include <doctest/doctest.h>

#include <map>
#include <string>

#include "plugins/auth_deviceflow/rules.hpp"

using namespace deviceflow;

namespace {
constexpr std::int64_t kStart = 1'800'000'000'000'000;
constexpr std::int64_t kSecond = 1'000'000;
PollState fresh() { return {kStart + 900 * kSecond, 5, 0}; }
}  // namespace

TEST_CASE("every letter is equally likely and nothing else appears") {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  std::map<char, int> counts;
  for (std::size_t at = 0; at < 256; ++at) {
    for (const char c : lettersFrom(std::string_view(all).substr(at, 1))) ++counts[c];
  }
  CHECK(counts.size() == kAlphabet.size());
  for (const auto& [letter, count] : counts) {
    CHECK(kAlphabet.find(letter) != std::string_view::npos);
    CHECK(count == 12);
  }
  CHECK(lettersFrom(all).size() == kUserCodeLetters);
  CHECK(lettersFrom("\xff\xff").empty());
  CHECK(displayForm("WDJBMJHT") == "WDJB-MJHT");
}

TEST_CASE("a decision ends the wait, and an expired code answers nothing else") {
  CHECK(decidePoll(fresh(), "", kStart).status == "pending");
  CHECK(decidePoll(fresh(), "approved", kStart).status == "done");
  CHECK(decidePoll(fresh(), "denied", kStart).status == "denied");
  for (const auto* decision : {"", "approved", "denied"}) CHECK(decidePoll(fresh(), decision, kStart + 900 * kSecond).status == "expired");
}

TEST_CASE("polling too fast costs five seconds, for good") {
  auto answer = decidePoll(fresh(), "", kStart + kSecond);
  CHECK(answer.status == "pending");
  answer = decidePoll(answer.state, "", kStart + 2 * kSecond);
  CHECK(answer.status == "slow_down");
  CHECK(answer.state.interval_s == 10);
  answer = decidePoll(answer.state, "", kStart + 8 * kSecond);
  CHECK(answer.status == "slow_down");
  CHECK(answer.state.interval_s == 15);
  answer = decidePoll(answer.state, "", kStart + 23 * kSecond);
  CHECK(answer.status == "pending");
  CHECK(answer.state.interval_s == 15);
}

TEST_CASE("a poll that comes a little early is no offence") {
  auto answer = decidePoll(fresh(), "", kStart + kSecond);
  CHECK(decidePoll(answer.state, "", kStart + 6 * kSecond - kPollToleranceUs).status == "pending");
  CHECK(decidePoll(answer.state, "", kStart + 6 * kSecond - kPollToleranceUs - 1).status == "slow_down");
}

TEST_CASE("an approval is not held back by a fast poll") {
  const auto first = decidePoll(fresh(), "", kStart + kSecond);
  CHECK(decidePoll(first.state, "approved", kStart + kSecond + 1).status == "done");
}
