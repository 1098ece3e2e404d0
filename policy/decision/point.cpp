#include "policy/decision/point.hpp"

namespace ccp::policy {

const std::array<PointInfo, kPointCount>& allPoints() noexcept {
  static constexpr std::array<PointInfo, kPointCount> points{{
      {Point::feature_gate, "feature.gate", true, "May this license use this feature?"},
      {Point::ingest_accept, "ingest.accept", true, "May this block of usage be stored?"},
      {Point::plugin_change, "plugin.change", true, "May this plugin instance be changed so?"},
      {Point::model_use, "model.use", false, "May this model be used, and on which lane?"},
      {Point::redact, "redact", false, "Which fields must not leave?"},
      {Point::quota_overage, "quota.overage", true, "What happens beyond a limit?"},
      {Point::seat_assign, "seat.assign", true, "May this person get a seat?"},
      {Point::pr_check, "pr.check", false, "What does the check of a pull request say?"},
      {Point::slack_run, "slack.run", false, "May this chat user start this job?"},
  }};
  return points;
}

const PointInfo& info(Point point) noexcept { return allPoints()[static_cast<std::size_t>(point)]; }

std::optional<Point> pointFromName(std::string_view name) noexcept {
  for (const auto& entry : allPoints()) {
    if (entry.name == name) return entry.point;
  }
  return std::nullopt;
}

}  // namespace ccp::policy
