#include "core/isolation/facts.hpp"

#include <algorithm>

#include "core/package/interfaces.hpp"

namespace ccp::isolation {
namespace {

tl::unexpected<Error> refuse(std::string text) { return fail(Errc::plugin_refused, std::move(text)); }

std::string textOf(const char* text) { return text ? std::string(text) : std::string(); }

}  // namespace

Result<Facts> factsOf(const ccp_plugin* plugin, const std::vector<std::string>& interfaces) {
  if (plugin->magic != CCP_PLUGIN_MAGIC) return refuse("it returned something that is no plugin descriptor (its magic number is wrong)");
  if (plugin->abi_major != CCP_ABI_MAJOR) {
    return refuse("it was built with plugin ABI " + std::to_string(plugin->abi_major) + "; " + std::to_string(CCP_ABI_MAJOR) + " is needed");
  }
  if (!CCP_HAS(plugin, id) || !CCP_HAS(plugin, version) || !CCP_HAS(plugin, create) || !CCP_HAS(plugin, configure) || !CCP_HAS(plugin, start) ||
      !CCP_HAS(plugin, health) || !CCP_HAS(plugin, drain) || !CCP_HAS(plugin, stop) || !CCP_HAS(plugin, destroy) || !CCP_HAS(plugin, extension)) {
    return refuse("its descriptor of " + std::to_string(plugin->size) + " bytes lacks its name or a lifecycle function; all of ABI 1.0 are needed");
  }
  Facts facts{textOf(plugin->id), textOf(plugin->version), textOf(plugin->vendor_abi_note), plugin->abi_major, plugin->abi_minor, {}};
  for (const auto& id : interfaces) {
    const void* table = plugin->extension(plugin, id.c_str());
    if (!table) continue;
    std::vector<std::string> names;
    for (const auto& slot : plugin::operationsOf(id)) {
      if (plugin::operationIn(table, slot)) names.emplace_back(slot.name);
    }
    facts.interfaces.emplace_back(id, std::move(names));
  }
  return facts;
}

Json toJson(const Facts& facts) {
  Json interfaces = Json::object();
  for (const auto& [id, operations] : facts.interfaces) {
    Json names = Json::array();
    for (const auto& name : operations) names.push(name);
    interfaces.set(id, std::move(names));
  }
  return Json::object({{"id", facts.id},
                       {"version", facts.version},
                       {"note", facts.note},
                       {"abi", Json::object({{"major", facts.abi_major}, {"minor", facts.abi_minor}})},
                       {"interfaces", std::move(interfaces)}});
}

Result<Facts> factsFromJson(const Json& json) {
  if (!json.isObject() || !json["interfaces"].isObject()) return fail(Errc::bad_json, "no facts about a plugin");
  Facts facts{json.strOr("id"), json.strOr("version"), json.strOr("note"), static_cast<std::uint32_t>(json["abi"].intOr("major")),
              static_cast<std::uint32_t>(json["abi"].intOr("minor")), {}};
  for (const auto& [id, operations] : json["interfaces"].members()) {
    std::vector<std::string> names;
    if (operations.isArray()) {
      for (const Json& item : operations.items()) {
        if (const std::string* name = item.asString()) names.push_back(*name);
      }
    }
    facts.interfaces.emplace_back(id, std::move(names));
  }
  return facts;
}

Status checkFacts(const Facts& facts, const plugin::Manifest& m) {
  const std::string who = "Plugin " + m.id + " " + m.version + " ";
  if (facts.abi_major != CCP_ABI_MAJOR) {
    return refuse(who + "was built with plugin ABI " + std::to_string(facts.abi_major) + "; this ccpd provides " + std::to_string(CCP_ABI_MAJOR) +
                  ". Install the plugin release that belongs to this ccpd.");
  }
  if (facts.id != m.id || facts.version != m.version) {
    return refuse(who + "calls itself " + facts.id.substr(0, 100) + " " + facts.version.substr(0, 100) +
                  "; its signed manifest says otherwise. Library and manifest come from different builds.");
  }
  for (const auto& id : m.provides) {
    const auto at = std::find_if(facts.interfaces.begin(), facts.interfaces.end(), [&](const auto& f) { return f.first == id; });
    if (at == facts.interfaces.end()) return refuse(who + "names " + id + " in its manifest and does not provide it. Ask its vendor for a correct build.");
    for (const auto& slot : plugin::operationsOf(id)) {
      if (!slot.required || std::find(at->second.begin(), at->second.end(), slot.name) != at->second.end()) continue;
      return refuse(who + "provides " + id + " without the operation " + std::string(slot.name) + ". Ask its vendor for a complete build.");
    }
  }
  return {};
}

}  // namespace ccp::isolation
