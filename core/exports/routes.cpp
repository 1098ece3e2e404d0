#include "core/exports/routes.hpp"

#include "core/http/operator_routes.hpp"

namespace ccp::exports {
namespace {

Json time(const std::optional<Timestamp>& at) { return at ? Json(formatRfc3339(*at)) : Json(); }

Lane laneOf(const http::Request& request) { return {request.param("instance"), request.param("stream")}; }

}  // namespace

Json laneJson(const LaneReport& report) {
  const LaneStatus& s = report.status;
  const bool waits = s.state == StreamState::active && s.attempts > 0;
  return Json::object({{"instance", s.lane.instance},
                       {"stream", s.lane.stream},
                       {"state", toString(s.state)},
                       {"configured", report.configured},
                       {"queued", static_cast<long long>(s.queued)},
                       {"oldest_at", time(s.oldest_at)},
                       {"sent", static_cast<long long>(s.sent)},
                       {"last_sequence", static_cast<long long>(s.last_sequence)},
                       {"last_acknowledged_at", time(s.last_acknowledged_at)},
                       {"failures", static_cast<long long>(s.attempts)},
                       {"next_attempt_at", waits ? Json(formatRfc3339(s.next_attempt_at)) : Json()},
                       {"last_error", s.last_error},
                       {"last_error_at", time(s.last_error_at)}});
}

void addRoutes(http::Router& router, Exports& exports) {
  router.get("/v1/admin/exports", http::operatorOnly("What exporters have taken and what waits for them"),
             [&exports](const http::Request&) -> Result<http::Response> {
               CCP_TRY(const auto lanes, exports.list());
               Json items = Json::array();
               for (const auto& lane : lanes) items.push(laneJson(lane));
               return http::Response::json(Json::object({{"exports", std::move(items)}})).noStore();
             });
  router.post("/v1/admin/exports/{instance}/{stream}/retry", http::operatorOnly("Send at once, also what was disabled"),
              [&exports](const http::Request& request) -> Result<http::Response> {
                CCP_TRY(const auto lane, exports.retry(laneOf(request), request.principal.actor()));
                return http::Response::json(Json::object({{"export", laneJson(lane)}})).noStore();
              });
  router.post("/v1/admin/exports/{instance}/{stream}/discard", http::operatorOnly("Drop what is queued for an exporter"),
              [&exports](const http::Request& request) -> Result<http::Response> {
                CCP_TRY(const auto body, request.json());
                CCP_TRY(const auto reason, body.str("reason"));
                if (reason.empty() || reason.size() > 500) return fail(Errc::validation_failed, "Field \"reason\" must have 1 to 500 bytes.");
                CCP_TRY(const auto dropped, exports.discard(laneOf(request), reason, request.principal.actor()));
                return http::Response::json(Json::object({{"discarded", static_cast<long long>(dropped)}})).noStore();
              });
}

}  // namespace ccp::exports
