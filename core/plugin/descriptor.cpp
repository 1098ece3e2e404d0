#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "ccp/abi/all.h"
#include "core/plugin/loader.hpp"

namespace ccp::plugin {
namespace {

tl::unexpected<Error> refuse(const Manifest& m, const std::string& text) {
  return fail(Errc::plugin_refused, "Plugin " + m.id + " " + m.version + " " + text);
}

/// An operation that an interface cannot do without: its name and where its slot lies.
struct NeededOp {
  const char* name;
  std::size_t offset;
};
#define CCP_NEEDED(table, op) \
  NeededOp { #op, offsetof(table, op) }

std::vector<NeededOp> neededOps(std::string_view interface_id) {
  if (interface_id == CCP_BILLING_ID) {
    return {CCP_NEEDED(ccp_billing_v1, ensure_customer),   CCP_NEEDED(ccp_billing_v1, create_checkout),
            CCP_NEEDED(ccp_billing_v1, get_checkout),      CCP_NEEDED(ccp_billing_v1, get_subscription),
            CCP_NEEDED(ccp_billing_v1, list_subscriptions), CCP_NEEDED(ccp_billing_v1, verify_webhook),
            CCP_NEEDED(ccp_billing_v1, parse_webhook)};
  }
  if (interface_id == CCP_IDENTITY_ID) return {CCP_NEEDED(ccp_identity_v1, begin), CCP_NEEDED(ccp_identity_v1, describe)};
  if (interface_id == CCP_NOTIFIER_ID) return {CCP_NEEDED(ccp_notifier_v1, render), CCP_NEEDED(ccp_notifier_v1, send)};
  if (interface_id == CCP_EXPORTER_ID) {
    return {CCP_NEEDED(ccp_exporter_v1, open), CCP_NEEDED(ccp_exporter_v1, write_batch), CCP_NEEDED(ccp_exporter_v1, flush),
            CCP_NEEDED(ccp_exporter_v1, close)};
  }
  if (interface_id == CCP_INBOUND_ID) return {CCP_NEEDED(ccp_inbound_v1, verify), CCP_NEEDED(ccp_inbound_v1, parse)};
  return {};
}

Status checkInterface(const ccp_plugin* plugin, const Manifest& m, const std::string& id) {
  const auto* table = static_cast<const char*>(plugin->extension(plugin, id.c_str()));
  if (!table) return refuse(m, "names " + id + " in its manifest and does not provide it. Ask its vendor for a correct build.");
  std::uint32_t size = 0;
  std::memcpy(&size, table, sizeof size);
  for (const auto& op : neededOps(id)) {
    ccp_op slot = nullptr;
    if (op.offset + sizeof slot <= size) std::memcpy(&slot, table + op.offset, sizeof slot);
    if (!slot) {
      return refuse(m, "provides " + id + " without the operation " + op.name + " (its table has " + std::to_string(size) +
                           " bytes). Ask its vendor for a complete build.");
    }
  }
  return {};
}

}  // namespace

Status checkDescriptor(const ccp_plugin* plugin, const Manifest& m) {
  if (plugin->magic != CCP_PLUGIN_MAGIC) return refuse(m, "returned something that is no plugin descriptor (its magic number is wrong).");
  if (plugin->abi_major != CCP_ABI_MAJOR) {
    return refuse(m, "was built with plugin ABI " + std::to_string(plugin->abi_major) + "; this ccpd provides " + std::to_string(CCP_ABI_MAJOR) +
                         ". Install the plugin release that belongs to this ccpd.");
  }
  if (!CCP_HAS(plugin, create) || !CCP_HAS(plugin, configure) || !CCP_HAS(plugin, start) || !CCP_HAS(plugin, health) || !CCP_HAS(plugin, drain) ||
      !CCP_HAS(plugin, stop) || !CCP_HAS(plugin, destroy) || !CCP_HAS(plugin, extension)) {
    return refuse(m, "lacks a lifecycle function in its descriptor of " + std::to_string(plugin->size) + " bytes; all of ABI 1.0 (" +
                         std::to_string(sizeof(ccp_plugin)) + " bytes) are needed. Ask its vendor for a complete build.");
  }
  if (!CCP_HAS(plugin, id) || m.id != plugin->id || !CCP_HAS(plugin, version) || m.version != plugin->version) {
    return refuse(m, std::string("calls itself ") + (plugin->id ? plugin->id : "nothing") + " " + (plugin->version ? plugin->version : "without version") +
                         "; its signed manifest says otherwise. Library and manifest come from different builds.");
  }
  for (const auto& id : m.provides) CCP_CHECK_OK(checkInterface(plugin, m, id));
  return {};
}

}  // namespace ccp::plugin
