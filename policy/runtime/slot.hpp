// Where the generation of one set stands: callers copy the pointer out and decide without the lock, so that
// a swap waits for nobody and nobody sees half of one. (atomic<shared_ptr> of gcc 12 trips TSan.)
// Inside this room. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "policy/runtime/generation.hpp"
#include "policy/runtime/stage.hpp"

namespace ccp::policy {

/// A set that decides beside what runs and is obeyed by nobody.
struct Draft {
  explicit Draft(std::shared_ptr<const CompiledSet> set) : compiled(std::move(set)) {}
  const std::shared_ptr<const CompiledSet> compiled;
  mutable std::atomic<bool> withdrawn{false};  ///< questions that still wait for it are dropped
  mutable std::atomic<std::uint64_t> decisions{0}, differing{0};
};

class Slot {
 public:
  enum class Known : std::uint8_t {
    unknown,  ///< nobody has looked yet
    absent,   ///< there are no packs
    failed,   ///< there may be, but they could not be loaded
    present,
  };
  struct View {
    GenerationPtr generation;
    std::shared_ptr<const Draft> draft;
    Known known = Known::unknown;
    bool look_again = false;  ///< what is known has become old
  };
  struct State {
    GenerationPtr generation;
    std::shared_ptr<const Draft> draft;
    std::optional<Refusal> last_refusal;
    std::uint64_t rollbacks = 0;
    bool manual = false;
    Known known = Known::unknown;
  };
  struct TakenBack {
    GenerationPtr bad, now;
    std::set<std::string> digests;  ///< of packs that are not taken again
  };
  static constexpr std::uint64_t kRollbacksBeforeManual = 3;

  explicit Slot(std::string org) : org_(std::move(org)) {}
  const std::string& org() const noexcept { return org_; }

  View view(std::uint64_t now_ns) noexcept;
  State state() const;
  GenerationPtr generation() const;
  std::uint64_t usedAtNs() const noexcept { return used_ns_.load(std::memory_order_relaxed); }
  /// Nothing here would be missed: it can be looked up again.
  bool forgettable() const;

  /// Puts `next` into service. `keep_previous`: it has the same packs, the way back stays the same.
  void swap(GenerationPtr next, bool keep_previous);
  /// `bad` failed its trial. Empty: it no longer runs, there is no way back, it is too early or for a person.
  std::optional<TakenBack> takeBack(const Generation& bad, std::uint64_t now_ns,
                                    const std::function<GenerationPtr(const Generation& previous)>& again);
  /// The running generation stood its trial; the way back is not needed any more.
  void stood(const Generation& good);
  void refused(Refusal refusal);
  bool isBad(const std::string& sha256) const;
  void setDraft(std::shared_ptr<const Draft> draft);
  void setKnown(Known known, std::uint64_t until_ns);

  std::mutex offering;  ///< one offer at a time
  std::mutex loading;   ///< one loader at a time

 private:
  const std::string org_;
  mutable std::mutex mutex_;
  GenerationPtr active_, previous_;
  std::shared_ptr<const Draft> draft_;
  std::optional<Refusal> last_refusal_;
  std::set<std::string> bad_;
  std::uint64_t rollbacks_ = 0, last_rollback_ns_ = 0;
  bool manual_ = false;
  Known known_ = Known::unknown;
  std::uint64_t known_until_ns_ = 0;
  std::atomic<std::uint64_t> used_ns_{0};
};

}  // namespace ccp::policy
