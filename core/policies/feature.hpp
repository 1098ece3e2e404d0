// Policy sets as core/app builds them: the node that follows, the publisher, the renewal of what is signed.
// Order: the node opens before the features that ask policies; the feature stands when licensing has keys;
// start() and stop() with the workers. Threads: thread-safe, but start() and stop().
#pragma once

#include <memory>

#include "core/db/migrations.hpp"
#include "core/policies/node.hpp"
#include "core/policies/publisher.hpp"
#include "core/policies/reports.hpp"

namespace ccp::policies {

extern const db::MigrationSet kMigrations;

class Feature {
 public:
  /// Everything passed must outlive the feature.
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Metrics& metrics;
    licensing::ChannelKeys& keys;
    decisions::Decisions& decisions;
    policy::Runtime& runtime;
    Node& node;
  };
  Feature(const Deps& deps, Publisher::Options options)
      : node_(deps.node),
        keys_(deps.keys),
        decisions_(deps.decisions),
        clock_(deps.clock),
        publisher_({deps.db, deps.clock, deps.metrics, deps.keys, deps.decisions, deps.runtime, [&node = deps.node] { node.wake(); }}, std::move(options)),
        source_(deps.db),
        reports_(deps.db, deps.metrics) {
    node_.onWithdraw([this](const policy::SetStatus& bad, const std::string& why) -> Status {
      CCP_TRY([[maybe_unused]] const auto done, publisher_.withdraw(bad, why));
      return {};
    });
  }

  Publishing& publishing() noexcept { return publisher_; }
  Node& node() noexcept { return node_; }
  DbSource& source() noexcept { return source_; }
  Reports& reports() noexcept { return reports_; }
  licensing::ChannelKeys& keys() noexcept { return keys_; }
  decisions::Decisions& decisions() noexcept { return decisions_; }
  const Clock& clock() const noexcept { return clock_; }

 private:
  Node& node_;
  licensing::ChannelKeys& keys_;
  decisions::Decisions& decisions_;
  const Clock& clock_;
  Publisher publisher_;
  DbSource source_;
  Reports reports_;
};

}  // namespace ccp::policies
