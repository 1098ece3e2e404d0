#include "core/base/fault.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include <atomic>

namespace ccp {
namespace {
std::string g_point;  // written once before threads start
std::atomic<long> g_hits_left{0};
}  // namespace

void armFaults() {
  const char* spec = std::getenv("CCP_FAULT");
  if (!spec) return;
  const std::string_view text(spec);
  const auto colon = text.find(':');
  g_point = std::string(text.substr(0, colon));
  g_hits_left = colon == std::string_view::npos ? 1 : std::max(1L, std::strtol(spec + colon + 1, nullptr, 10));
}

void faultPoint(std::string_view name) noexcept {
  if (g_point.empty() || name != g_point) return;
  if (g_hits_left.fetch_sub(1) == 1) std::raise(SIGKILL);
}

}  // namespace ccp
