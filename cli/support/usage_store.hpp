// The local usage store: one SQLite file with one row per API response, the hourly blocks derived
// from them with their revisions, and what each server has acknowledged. SQLite's C API stays
// behind usage_store.cpp. One object per thread; several processes may use the file at once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cli/support/transcript_reader.hpp"
#include "core/base/error.hpp"
#include "core/base/time.hpp"

namespace ccp::cli {

struct Sums {
  std::int64_t requests = 0, errors = 0;
  std::int64_t input = 0, output = 0, cache_read = 0, cache_write = 0;
  std::optional<std::int64_t> cost_microusd = {};  ///< only when every response states a cost

  std::int64_t tokens() const noexcept { return input + output + cache_read + cache_write; }
  Sums& operator+=(const Sums& other) noexcept;
  bool operator==(const Sums&) const = default;
};

/// Usage of one quarter of an hour and model: fine enough for every time zone's days.
struct UsageSlot {
  Timestamp start;
  std::string model;
  Sums sums;
};

/// One hour (UTC), model and lane: what `ccp export rollups` sends.
struct HourBlock {
  Timestamp start;
  std::string model;
  std::string lane;
  Sums sums;
  std::int64_t revision = 1;
};

/// A server's answer to one block.
struct BlockAnswer {
  HourBlock block;
  std::string status;  ///< accepted, duplicate, unattributed, conflict, rejected
  std::string code, detail;
};

struct StoreTotals {
  std::int64_t files = 0, messages = 0, blocks = 0;
};

struct ApplyResult {
  std::int64_t new_messages = 0;
  std::int64_t changed_messages = 0;
  std::int64_t changed_blocks = 0;
};

/// Which upstream a model's requests went to, by the model's name; `other` when it does not say.
std::string laneOf(std::string_view model);

class UsageStore {
 public:
  /// Opens the file, making it and its folder (0700) when needed. `store_error`, `data_loss`.
  static Result<UsageStore> open(const std::string& path);
  UsageStore(UsageStore&&) noexcept;
  UsageStore& operator=(UsageStore&&) noexcept;
  ~UsageStore();

  /// Size and time of every file that was read, by path.
  Result<std::unordered_map<std::string, TranscriptFile>> knownFiles();

  /// One import is one transaction: begin, any number of add, finish. Without finish nothing stays.
  Status begin();
  Status add(const FileUsage& usage);
  /// Derives the blocks that changed and commits.
  Result<ApplyResult> finish();

  Result<StoreTotals> totals();
  Result<std::vector<UsageSlot>> slots(std::optional<Timestamp> since,
                                       std::optional<Timestamp> until);
  Result<std::vector<HourBlock>> blocks(std::optional<Timestamp> since = {});
  /// Blocks whose revision `target` has neither acknowledged nor refused; oldest first.
  Result<std::vector<HourBlock>> pending(const std::string& target,
                                         std::optional<Timestamp> since = {});
  Status record(const std::string& target, const std::vector<BlockAnswer>& answers, Timestamp now);
  /// Gives blocks that `target` refused as conflicting a new revision, so that they are sent again.
  Result<std::int64_t> raiseConflicts(const std::string& target);
  /// When `target` last answered; nothing when it never did.
  Result<std::optional<Timestamp>> lastExport(const std::string& target);

 private:
  struct Impl;
  explicit UsageStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ccp::cli
