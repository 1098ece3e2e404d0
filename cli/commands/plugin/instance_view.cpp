#include "cli/commands/plugin/instance_view.hpp"

#include <array>
#include <cstdio>

#include "cli/support/output.hpp"
#include "cli/support/text_table.hpp"

namespace ccp::cli {
namespace {

constexpr std::size_t kKeyShown = 8;
constexpr std::size_t kNameWidth = 14;

}  // namespace

std::string stateText(const Context& context, const std::string& state) {
  const std::string shown = printable(state);
  if (state == "ready" || state == "ok") return context.good(shown);
  if (state == "degraded" || state == "draining" || state == "restarting") return context.bold(shown);
  return context.bad(shown);
}

std::string trustText(const std::string& trust) {
  if (!trust.starts_with("key:")) return printable(trust);
  return "key " + printable(trust.substr(4, kKeyShown)) + "…";
}

std::string countText(std::int64_t n, const std::string& one) { return withThousands(n) + " " + one + (n == 1 ? "" : "s"); }

std::string bytesText(std::int64_t bytes) {
  static constexpr std::array<const char*, 4> kUnits = {"B", "KiB", "MiB", "GiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), value == static_cast<double>(static_cast<std::int64_t>(value)) ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

void showFact(const Context& context, const std::string& name, const std::string& value) {
  if (value.empty()) return;
  context.out << "  " << name << std::string(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' ') << value << "\n";
}

void showManifest(const Context& context, const Json& manifest) {
  const Json& permissions = manifest["permissions"];
  showFact(context, "provides", listText(manifest["provides"]));
  showFact(context, "plugin ABI", printable(manifest.strOr("abi")));
  showFact(context, "isolation", listText(manifest["isolation_allowed"]) + " allowed");
  showFact(context, "services", listText(manifest["requires"]) +
                                    (manifest["optional"].empty() ? "" : "; if there: " + listText(manifest["optional"])));
  showFact(context, "egress", listText(permissions["egress"]));
  showFact(context, "secrets", listText(permissions["secrets"]));
  showFact(context, "events", listText(permissions["events"]));
  showFact(context, "storage", permissions.intOr("kv_bytes") == 0 ? "none" : bytesText(permissions.intOr("kv_bytes")));
  showFact(context, "limits", countText(manifest.intOr("max_concurrency"), "call") + " at once, " + withThousands(manifest.intOr("op_timeout_ms")) +
                                  " ms and " + bytesText(manifest.intOr("output_bytes")) + " of output each, " +
                                  bytesText(manifest.intOr("rss_bytes")) + " of memory");
  if (const auto expires = manifest.optStr("expires_at")) showFact(context, "expires", printable(*expires));
}

}  // namespace ccp::cli
