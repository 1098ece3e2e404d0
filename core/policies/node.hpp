// Keeps what this node decides with equal to what was published: cache first, then the database, verified by
// the updater and taken by the runtime. What is refused changes nothing that runs, and raises an alert once.
// Threads: thread-safe, but open(), start() and stop().
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/db/db.hpp"
#include "core/http/bell.hpp"
#include "core/policies/db_source.hpp"
#include "core/policies/repository.hpp"
#include "policy/distribution/updater.hpp"
#include "policy/runtime/runtime.hpp"

namespace ccp::policies {

/// One set on this node: what came of the last look.
struct NodeReport {
  std::string set;
  std::optional<policy::Refusal> refusal;  ///< of the last look; empty: it is up to date
  Timestamp looked_at;
  std::optional<policy::SetStatus> running;
};

class Node {
 public:
  struct Deps {
    db::Db& db;
    const Clock& clock;
    Metrics& metrics;
    policy::Runtime& runtime;
  };
  struct Options {
    std::string folder;        ///< caches: <folder>/<set>/<channel>
    policy::Channel channel = policy::Channel::dev;
    std::string operator_pin;  ///< empty: see trust_first
    bool trust_first = false;  ///< dev mode: without a pin the operator's first root in the database counts
    std::string id;            ///< of this node, for the record
    Duration poll = milliseconds(500);
    bool shadow_dev = false;   ///< what stands on dev sees the questions of this node as well
  };
  using Withdraw = std::function<Status(const policy::SetStatus& bad, const std::string& why)>;

  Node(const Deps& deps, Options options);
  ~Node();

  /// The operator's set, from the cache and then from the database; the runtime asks for organizations'.
  /// Never fails for what a set is like: then the shipped policies, or the last good ones, decide.
  void open();
  /// What to do when the runtime takes a generation back; before start().
  void onWithdraw(Withdraw fn) { withdraw_ = std::move(fn); }
  void start();
  void stop();

  /// Looks at once; from any thread, also inside afterCommit.
  void wake();
  /// The same, at every set that is in use here: after SIGHUP and POST /v1/admin/reload.
  void ask();
  /// Looks now, at every set that is in use here.
  std::vector<NodeReport> reload();
  std::vector<NodeReport> reports() const;
  std::optional<NodeReport> report(const std::string& set) const;
  /// Rings when something was published that this node has; long polls wait for it.
  const std::shared_ptr<http::Bell>& bell() const noexcept { return bell_; }
  const Options& options() const noexcept { return options_; }

 private:
  struct Local;
  struct Rollback {
    policy::SetStatus bad;
    std::string why;
    int attempts = 0;
    std::uint64_t next_ns = 0;  ///< not tried again before
  };

  void loop();
  Status look(bool everything);
  std::shared_ptr<Local> local(const std::string& set);
  /// Empty: the set has no root, or none that counts here.
  Result<std::optional<std::string>> pinOf(const std::string& set);
  /// With a cache in `folder` of the set.
  std::unique_ptr<policy::Updater> updaterOf(const std::string& set, const std::string& folder, policy::Channel channel, const std::string& pin);
  Result<bool> prepare(Local& local);
  void refresh(const std::string& set, bool from_cache);
  void current(const Local& local, bool is);
  void offer(Local& local, policy::VerifiedSet set);
  void settle(Local& local);
  /// Brings the draft beside the set up to date: what is live on dev, if it is not what runs anyway.
  void shadow(const std::string& set);
  Result<std::optional<policy::VerifiedSet>> load(const std::string& org);
  void refused(Local& local, policy::Refusal refusal, const std::string& what);
  void followDrafts(const std::vector<Head>& prod, const std::vector<Head>& dev);
  void withdrawQueued();

  Deps deps_;
  const Options options_;
  DbSource source_;
  const std::shared_ptr<http::Bell> bell_ = std::make_shared<http::Bell>();
  Withdraw withdraw_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  bool asked_ = false;
  std::map<std::string, std::shared_ptr<Local>> locals_;
  std::deque<Rollback> rollbacks_;
  std::mutex looking_;
  std::int64_t seen_ = -1;  ///< revision; under looking_
  std::thread thread_;
};

}  // namespace ccp::policies
