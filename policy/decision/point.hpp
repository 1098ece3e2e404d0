// The decision points: where the product asks policies. Names are stable and stand in packs, logs and
// schemas. Values; no dependencies, so that every feature may name a point.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ccp::policy {

enum class Point : std::uint8_t {
  feature_gate,   ///< may this license use this feature? (issue, refresh, status)
  ingest_accept,  ///< may this block of usage be stored?
  plugin_change,  ///< may this plugin instance be changed so?
  model_use,      ///< may this model be used, and on which lane?
  redact,         ///< which fields must not leave?
  quota_overage,  ///< what happens beyond a limit?
  seat_assign,    ///< may this person get a seat?
  pr_check,       ///< conclusion and annotations of a pull request's check
  slack_run,      ///< may this chat user start this job?
};
inline constexpr std::size_t kPointCount = 9;

struct PointInfo {
  Point point;
  std::string_view name;   ///< "feature.gate"
  /// Commercial points ask the operator's packs only; the others ask the organization's as well.
  bool commercial;
  std::string_view title;
};

/// In the order of the enumeration.
const std::array<PointInfo, kPointCount>& allPoints() noexcept;
const PointInfo& info(Point point) noexcept;
inline std::string_view toString(Point point) noexcept { return info(point).name; }
std::optional<Point> pointFromName(std::string_view name) noexcept;

}  // namespace ccp::policy
