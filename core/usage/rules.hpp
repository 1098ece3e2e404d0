// What a rollup is and what becomes of it, as pure functions of values and `now` (product.md, Usage):
// validation of blocks, the decision per block, windows of the dashboards, who may send and see.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/licensing/rules.hpp"
#include "core/usage/sketch.hpp"

namespace ccp::usage {

inline constexpr std::size_t kMaxBlocks = 1000;
inline constexpr std::int64_t kMaxNumber = std::int64_t{1} << 53;
inline constexpr Duration kHour = hours(1);
inline constexpr Duration kDay = hours(24);
/// Clocks differ; a block may begin this far in the future.
inline constexpr Duration kFutureTolerance = hours(1);

enum class Period { hour, day };
const char* toString(Period period) noexcept;
constexpr Duration lengthOf(Period period) noexcept { return period == Period::hour ? kHour : kDay; }

struct Counters {
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cache_read_tokens = 0;
  std::int64_t cache_write_tokens = 0;
  std::optional<std::int64_t> cost_microusd;  ///< an estimate; absent when the source does not say it

  /// Adds with saturation at 2^53. The sum has a cost when any part has one.
  void add(const Counters& other) noexcept;
  std::int64_t tokens() const noexcept;
  bool operator==(const Counters&) const = default;
};

/// One rollup as a client sends it.
struct Block {
  Period period = Period::hour;
  Timestamp start_at;
  std::string model;
  std::string lane;
  Counters counters;
  std::optional<Sketch> ttft;
  std::int64_t revision = 1;
};

/// What the answer says about one block.
enum class BlockStatus { accepted, duplicate, unattributed, conflict, rejected };
const char* toString(BlockStatus status) noexcept;

struct BlockResult {
  BlockStatus status = BlockStatus::accepted;
  std::string code;    ///< snake_case, empty when accepted (README.md lists them)
  std::string detail;
};

/// A block of the request: parsed, or the reason why not.
struct Incoming {
  std::optional<Block> block;
  BlockResult refusal;
};

/// Validates one element of "rollups".
Incoming parseBlock(const Json& json, Timestamp now);
/// The whole body: {"rollups":[…]} with at most kMaxBlocks; `validation_failed` when the shape is wrong.
Result<std::vector<Incoming>> parseRollups(const Json& body, Timestamp now);

/// SHA-256 over the canonical content of a block, without its revision.
std::string digestOf(const Block& block);

/// What is stored under the key of an incoming block.
struct Stored {
  std::int64_t revision = 1;
  std::string digest;
};
/// Which kinds of blocks the (device, day) of an incoming block has already.
struct DayState {
  bool hours = false;
  bool day = false;
};
/// New key or higher revision: accepted. Same revision and digest: duplicate. Same revision, other
/// digest: conflict `revision_conflict`. Lower revision: duplicate `stale_revision` (the server has
/// newer numbers already, nothing is left to do). A day over hours, or hours under a day: conflict.
BlockResult decide(const std::optional<Stored>& stored, const DayState& day, Period period, std::int64_t revision,
                   std::string_view digest);

Timestamp floorTo(Timestamp at, Duration unit) noexcept;
Timestamp ceilTo(Timestamp at, Duration unit) noexcept;

/// Consecutive UTC days, [from, until): what a request touches, so that few queries read it.
struct DayRange {
  Timestamp from;
  Timestamp until;
};
std::vector<DayRange> dayRanges(const std::set<Timestamp>& days);

enum class WindowKind { day, week };
const char* toString(WindowKind kind) noexcept;  ///< "24h", "7d"
Result<WindowKind> windowKindFrom(std::string_view text);
struct Window {
  WindowKind kind = WindowKind::day;
  Timestamp from_at;
  Timestamp until_at;  ///< exclusive
  Duration bucket;     ///< an hour, or a day
  std::vector<Timestamp> buckets() const;
};
/// 24 whole hours, or 7 whole UTC days, that end with the one in which `until` lies.
Window windowUntil(WindowKind kind, Timestamp until);

/// May this org send usage? `license_inactive` under an operator's override, `forbidden` when its
/// privacy tier is local_only: then usage stays on its machines.
Status mayIngest(licensing::AdminOverride admin, std::string_view privacy);
/// May this org see dashboards? `license_inactive` or `plan_required` (entitlement "dashboards").
Status mayView(licensing::AdminOverride admin, const std::vector<std::string>& features, const std::string& plan_title);
/// K-safety: may this reader see one line per seat of a slice that covers `seats` seats?
bool showsSeats(bool org_admin, std::int64_t seats, int k) noexcept;

}  // namespace ccp::usage
