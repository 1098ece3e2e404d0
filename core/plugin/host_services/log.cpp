#include <algorithm>

#include "core/plugin/host_services/services.hpp"

namespace ccp::plugin {
namespace {

constexpr int kLinesPerSecond = 200;
constexpr std::size_t kMaxEvent = 64;
constexpr std::size_t kMaxFields = 8 * 1024;

std::string cleanEvent(std::string_view event) {
  std::string out(event.substr(0, kMaxEvent));
  std::replace_if(out.begin(), out.end(), [](char c) {
    return !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.');
  }, '_');
  return out.empty() ? "event" : out;
}

}  // namespace

LogService::LogService(const HostContext& host, const InstanceGrants& grants) : host_(host), grants_(grants) {
  table_ = {sizeof table_, 0, this, [](const ccp_log_v1* t, std::int32_t level, ccp_str event, ccp_str fields) noexcept {
              serve([&] {
                static_cast<LogService*>(t->ctx)->write(level, viewOf(event), viewOf(fields));
                return CCP_RC_OK;
              });
            }};
}

bool LogService::admit() {
  const std::uint64_t second = host_.clock.monotonicNs() / 1'000'000'000;
  const std::lock_guard lock(mutex_);
  if (second != second_) {
    second_ = second;
    lines_ = 0;
  }
  return ++lines_ <= kLinesPerSecond;
}

void LogService::write(std::int32_t level, std::string_view event, std::string_view fields) {
  if (!admit()) {
    host_.metrics.counter("ccp_plugin_log_dropped_total", "Log lines of plugins beyond the rate", {{"instance", grants_.name}}).add();
    return;
  }
  Json object = Json::object();
  if (!fields.empty()) {
    auto parsed = fields.size() <= kMaxFields ? parseJson(fields, {kMaxFields, 8}) : fail(Errc::bad_json);
    object = parsed && parsed->isObject() ? std::move(*parsed) : Json::object({{"dropped", "fields are no JSON object of at most 8 KiB"}});
  }
  const CallFrame* frame = CallFrame::current();
  const int known = std::clamp(level, CCP_LOG_DEBUG, CCP_LOG_ERROR);
  log::write(static_cast<log::Level>(known), "plugin." + cleanEvent(event),
             {{"plugin", grants_.manifest.id},
              {"instance", grants_.name},
              {"request_id", frame ? Json(frame->context().request_id) : Json()},
              {"fields", std::move(object)}});
}

}  // namespace ccp::plugin
