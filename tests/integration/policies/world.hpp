// Policy sets over a real database: people who sign, a server key, and nodes that follow.
#pragma once

#include "core/policies/feature.hpp"
#include "tests/support/policy_sets.hpp"
#include "tests/support/policy_workshop.hpp"
#include "tests/support/temp_db.hpp"
#include "tests/support/temp_dir.hpp"

namespace ccp::policies::test {

using ccp::test::PolicyWorkshop;
using ccp::test::TempDb;
using ccp::test::TempDir;
using policy::Channel;

/// The server's keys for channels are those of the workshop.
class FakeKeys final : public licensing::ChannelKeys {
 public:
  explicit FakeKeys(PolicyWorkshop& shop) : shop_(shop) {}
  std::vector<licensing::ChannelKey> channelKeys() override {
    std::vector<licensing::ChannelKey> out;
    for (const auto& name : names) out.push_back({shop_.keyid(name), shop_.key(name).publicKey(), "active", {}});
    return out;
  }
  std::shared_ptr<const crypto::SigningKey> channelSigner(const std::vector<std::string>& kids) override {
    if (before_signing) std::exchange(before_signing, {})();
    for (const auto& name : names) {
      if (std::find(kids.begin(), kids.end(), shop_.keyid(name)) != kids.end()) return {std::shared_ptr<void>(), &shop_.key(name)};
    }
    return nullptr;
  }
  std::vector<std::string> names{"server"};
  std::function<void()> before_signing;  ///< once: something else happens meanwhile

 private:
  PolicyWorkshop& shop_;
};

class FakeDecisions final : public decisions::Decisions {
 public:
  Result<decisions::Page> list(const std::optional<std::string>&, const decisions::Filter&) override { return decisions::Page{}; }
  Result<decisions::LoggedDecision> byId(const std::optional<std::string>&, const std::string&) override { return fail(Errc::not_found); }
  Result<decisions::ChainReport> verify(const std::optional<std::string>&) override { return decisions::ChainReport{}; }
  Result<std::vector<policy::PastDecision>> past(const decisions::PastQuery& query) override {
    asked = query.set;
    return past_decisions;
  }
  decisions::LogStatus logStatus() const override { return {}; }
  std::vector<policy::PastDecision> past_decisions;
  std::string asked;
};

class Forget final : public policy::DecisionSink {
 public:
  void take(policy::DecisionRecord&&) noexcept override {}
};

/// A node: runtime, follower and publisher of its own, on the database of the test.
struct TestNode {
  TestNode(TempDb& env, db::Db& database, PolicyWorkshop& shop, Channel channel = Channel::dev, const std::string& folder = {}, bool shadow_dev = false)
      : keys(shop),
        runtime({engine, env.clock, env.random, env.metrics, sink}, runtimeOptions(channel)),
        node({database, env.clock, env.metrics, runtime}, nodeOptions(shop, channel, folder.empty() ? dir.path() : folder, shadow_dev)),
        feature({database, env.clock, env.metrics, keys, past, runtime, node}, publisherOptions(shop, channel)) {
    node.open();
  }
  ~TestNode() {
    node.stop();
    runtime.onLoad({});
    runtime.onRollback({});
  }
  static policy::Runtime::Options runtimeOptions(Channel channel) {
    policy::Runtime::Options out;
    out.channel = channel;
    out.absent_for = hours(1);
    return out;
  }
  static Node::Options nodeOptions(PolicyWorkshop& shop, Channel channel, const std::string& folder, bool shadow_dev) {
    Node::Options out;
    out.folder = folder + "/policy";
    out.channel = channel;
    out.shadow_dev = shadow_dev;
    if (shop.org() == policy::kOperatorSet) out.operator_pin = shop.rootPin();
    out.id = "nod_test";
    return out;
  }
  static Publisher::Options publisherOptions(PolicyWorkshop& shop, Channel channel) {
    Publisher::Options out;
    if (shop.org() == policy::kOperatorSet) out.operator_pin = shop.rootPin();
    out.pin_required = true;
    out.channel = channel;
    out.node = "nod_test";
    return out;
  }
  Publishing& publishing() { return feature.publishing(); }
  policy::Decision ask(const std::string& org = {}) { return runtime.decide({policy::Point::model_use, org, {}, ccp::test::modelInput()}); }
  std::int64_t running(const std::string& set) {
    const auto status = runtime.status(set);
    return status ? status->version : -1;
  }

  TempDir dir = TempDir::inMemory();
  Forget sink;
  FakeKeys keys;
  FakeDecisions past;
  policy::Engine engine;
  policy::Runtime runtime;
  Node node;
  Feature feature;
};

template <class T>
T must(Result<T> result) {
  REQUIRE_MESSAGE(result.has_value(), (result ? "" : result.error().text()));
  return std::move(*result);
}
template <class T>
std::string codeOf(const Result<T>& result) {
  return result ? "ok" : result.error().name();
}

/// A pack that answers model.use: for an organization's set and the operator's.
inline policy::PackDocument modelPack(PolicyWorkshop& shop, std::int64_t version, const char* lua = PolicyWorkshop::kAllow, const std::string& name = "base") {
  return shop.pack(name, version, lua, policy::Point::model_use);
}

/// Audit rows as "action subject", sorted: the clock of a test stands still.
inline std::vector<std::string> deeds(db::Db& db) {
  return must(db.read(db::Scope::system(), [](db::Tx& tx) -> Result<std::vector<std::string>> {
    std::vector<std::string> out;
    for (auto& [action, subject] : tx.query<std::string, std::string>("select action, subject from audit_log order by action, subject")) out.push_back(action + " " + subject);
    return out;
  }));
}
inline std::vector<std::string> events(db::Db& db) {
  return must(db.read(db::Scope::system(), [](db::Tx& tx) -> Result<std::vector<std::string>> {
    std::vector<std::string> out;
    for (auto& [type] : tx.query<std::string>("select type from outbox order by position")) out.push_back(type);
    return out;
  }));
}

}  // namespace ccp::policies::test
