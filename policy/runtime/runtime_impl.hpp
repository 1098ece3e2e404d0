// The inside of the runtime: decide.cpp answers, activation.cpp brings sets in, runtime.cpp is the door.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <vector>

#include "policy/runtime/asking.hpp"
#include "policy/runtime/organizations.hpp"
#include "policy/runtime/runtime.hpp"
#include "policy/runtime/stages.hpp"
#include "policy/runtime/worker.hpp"

namespace ccp::policy {

struct Runtime::Impl {
  Impl(const Deps& dependencies, Options chosen);
  ~Impl();

  // decide.cpp
  Decision decide(const Question& question, std::uint64_t began_ns);
  /// What answers for the organization; asks the loader when nobody has yet.
  Slot::View lookUp(Slot& slot, std::uint64_t now_ns);
  std::shared_ptr<Slot> slotOf(const std::string& org);

  // activation.cpp
  tl::expected<SetStatus, Refusal> offer(Slot& slot, VerifiedSet set, const ActivationOptions& activation);
  tl::expected<Prepared, Refusal> prepareFor(const GenerationPtr& running, const VerifiedSet& set, const ActivationOptions& activation);
  /// As if `candidate` answered for `org`, beside whatever else answers now.
  ReplayReport rehearse(const std::string& org, const CompiledSet& candidate, const std::vector<PastDecision>& past, std::size_t max_lines);
  Result<ReplayReport> replay(const VerifiedSet& draft, const std::vector<PastDecision>& past, std::size_t max_lines);
  Status setDraft(const std::string& org, std::optional<VerifiedSet> draft);
  void load(Slot& slot);
  SetStatus describe(const Slot& slot, const Slot::State& state) const;
  SetStatus describe(const std::string& org, const Generation& generation) const;

  Duration grace() const noexcept { return graceOf(options.channel, options.stale_grace); }
  /// Never before the start plus the time that has passed since, nor before a document that was believed.
  Timestamp trustedNow(Timestamp now) const;
  Recording recording() const noexcept { return {options.record_fields, false}; }

  const Deps deps;
  const Options options;
  const std::shared_ptr<Worker> worker;
  std::shared_ptr<const CompiledSet> shipped;  ///< null when this build is broken: then everything is denied
  Slot operators{std::string(kOperatorSet)};
  Organizations organizations;

 private:
  struct Asked;
  struct Counts {
    std::array<std::array<Counter*, 6>, kPointCount> decisions{};
    std::array<Histogram*, kPointCount> seconds{};
    Gauge* generation_operator = nullptr;
    Gauge* generation_organizations = nullptr;
    Gauge* alive = nullptr;
    Gauge* stale = nullptr;
    Counter* rollbacks_operator = nullptr;
    Counter* rollbacks_organizations = nullptr;
    Counter* shadow_dropped = nullptr;
  };

  GenerationPtr make(std::shared_ptr<const CompiledSet> compiled, std::shared_ptr<const std::vector<VerifiedPack>> packs,
                     std::shared_ptr<Tally> tally, std::shared_ptr<Trial> trial);
  void settle(Slot& slot, const GenerationPtr& generation, Point point, const Said& said, std::uint64_t now_ns);
  void takeBack(Slot& slot, const GenerationPtr& generation, std::uint64_t now_ns);
  void reportStaleness(const Slot& slot, const Generation& generation, Standing now);
  void shadow(const Question& question, const Inquiry& inquiry, const Decision& live, const Slot::View& ours, const Slot::View& theirs);
  Refusal refusedAt(Slot& slot, const VerifiedSet& set, Refusal refusal);

  /// A call to the system's generator for each decision would cost more than the rest of its id.
  class Ids final : public Random {
   public:
    explicit Ids(Random& source) : source_(source) {}
    void fill(std::span<std::uint8_t> out) override;

   private:
    Random& source_;
    std::mutex mutex_;
    std::array<std::uint8_t, 4096> bytes_{};
    std::size_t used_ = 4096;
  };

  Counts counts_;
  Ids ids_{deps.random};
  std::atomic<std::uint64_t> generations_{0};
  const Timestamp started_at_;
  const std::uint64_t started_ns_;
  std::atomic<std::int64_t> newest_issue_us_{0};
  std::atomic<bool> has_loader_{false};
  mutable std::mutex callbacks_mutex_;
  std::shared_ptr<const Loader> loader_;
  std::shared_ptr<const RolledBack> rolled_back_;
  std::counting_semaphore<64> loads_{8};  ///< the loader asks a database, whose connections are few

 public:
  void setLoader(Loader loader);
  void setRolledBack(RolledBack fn);
  std::vector<SetStatus> statusOfAll();
  void forget(const std::string& org);
};

}  // namespace ccp::policy
