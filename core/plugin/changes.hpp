// Changes of which instances serve, while calls run. Every change has the same course:
//   prepare → guard → create → configure → start → health    candidates; nothing that serves is touched
//   check → record                                   audit rows and events in one transaction
//   publish                                          from here on callers get the new ones
//   retire                                           the old ones drain, stop and are destroyed
// What fails before publishing undoes the candidates and leaves everything as it was.
// Thread-safe: changes of one instance run one after another.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/plugin/change.hpp"
#include "core/plugin/name_locks.hpp"
#include "core/plugin/pipeline.hpp"
#include "core/plugin/registry.hpp"
#include "core/plugin/ticker.hpp"

namespace ccp::plugin {

/// A plugin that may be created, from a package or linked into the program.
struct Source {
  Manifest manifest;
  Json config_schema;
  Origin origin;
  RunnerFactory runner;
  std::optional<Prepared> prepared;  ///< empty when linked
};

class Changes {
 public:
  using SourceOf = std::function<Result<Source>(const config::PluginInstance&)>;
  /// `patience`: how long a retiring instance is waited for.
  Changes(const HostContext& host, Pipeline& pipeline, Registry& registry, Ticker& ticker, SourceOf source_of, Duration patience);

  /// Before the first change.
  void guard(ChangeGuard guard) { guard_ = std::move(guard); }
  /// All of the changes or none. Fails with the first finding, whose text names instance and step, and
  /// says what goes on serving; it is recorded and counted as well.
  Result<std::vector<Change>> perform(std::vector<Change> changes, const std::string& actor, const ChangeHooks& hooks = {});
  /// Ends retired instances whose calls have returned.
  void reap();
  int retired() const;
  /// Refuses changes from now on and waits for those that run; returns instances that still run calls.
  std::vector<std::shared_ptr<Instance>> close();

 private:
  struct Candidate {
    Source source;
    std::shared_ptr<Instance> instance;
  };
  struct Failure {
    const char* step = "";
    Error error;
  };
  tl::expected<Candidate, Failure> makeCandidate(Change& change, const std::string& actor);
  Status checkNames(const std::vector<Change>& changes) const;
  Lineup lineupAfter(const std::vector<Change>& changes, const std::vector<Candidate>& candidates) const;
  Status record(const std::vector<Change>& changes, const std::vector<Candidate>& candidates, const std::string& actor, const ChangeHooks& hooks);
  Error refuse(const Change& change, const Failure& failure, const std::string& actor);
  bool retire(const std::shared_ptr<Instance>& instance, Duration patience, const std::string& why);

  const HostContext& host_;
  Pipeline& pipeline_;
  Registry& registry_;
  Ticker& ticker_;
  const SourceOf source_of_;
  const Duration patience_;
  ChangeGuard guard_;
  NameLocks names_;
  mutable std::mutex retired_mutex_;
  std::vector<std::shared_ptr<Instance>> retired_;
};

}  // namespace ccp::plugin
