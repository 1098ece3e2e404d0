#include "core/package/interfaces.hpp"
#include "core/package/loader.hpp"

namespace ccp::plugin {
namespace {

tl::unexpected<Error> refuse(const Manifest& m, const std::string& text) {
  return fail(Errc::plugin_refused, "Plugin " + m.id + " " + m.version + " " + text);
}

Status checkInterface(const ccp_plugin* plugin, const Manifest& m, const std::string& id) {
  const void* table = plugin->extension(plugin, id.c_str());
  if (!table) return refuse(m, "names " + id + " in its manifest and does not provide it. Ask its vendor for a correct build.");
  for (const auto& slot : operationsOf(id)) {
    if (!slot.required || operationIn(table, slot)) continue;
    return refuse(m, "provides " + id + " without the operation " + std::string(slot.name) + ". Ask its vendor for a complete build.");
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
