// Level 1: the library loads and says what the manifest says.
#include <cstring>

#include "ccp/abi/all.h"
#include "core/config/schema_validator.hpp"
#include "core/package/interfaces.hpp"
#include "core/package/loader.hpp"
#include "sdk/conformance/tests/tests.hpp"

namespace ccp::kit::tests {
namespace {

constexpr const char* kKnown[] = {CCP_BILLING_ID, CCP_IDENTITY_ID, CCP_NOTIFIER_ID, CCP_EXPORTER_ID, CCP_INBOUND_ID};

const ccp_plugin* opened(Context& t) {
  t.step("loading the library");
  const auto plugin = openLibrary(t.subject, t.scratch);
  if (plugin) return *plugin;
  t.fail(plugin.error().detail, "a library that loads and exports " CCP_ENTRY_SYMBOL, "Link with -Wl,-z,defs to see symbols that are missing.");
  return nullptr;
}

}  // namespace

void load(Context& t) {
  if (t.mode == Mode::process) {
    t.plugin();
    return;
  }
  opened(t);
}

void descriptor(Context& t) {
  const ccp_plugin* const plugin = opened(t);
  if (!plugin) return;
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  if (const auto fits = plugin::checkDescriptor(plugin, *t.subject.manifest); !fits) {
    t.fail(fits.error().detail, "a descriptor that is whole and says what the manifest says", "id and version come from plugin.json (CCP_PLUGIN_ID, CCP_PLUGIN_VERSION).");
    return;
  }
  if (plugin->reserved != 0) t.fail("ccp_plugin.reserved is " + std::to_string(plugin->reserved), "0", "Reserved fields are zero until a version of the ABI gives them a meaning.");
  if (plugin->abi_minor < t.subject.manifest->abi_min_minor) {
    t.fail("the library was built with ABI 1." + std::to_string(plugin->abi_minor) + "; its manifest needs 1." + std::to_string(t.subject.manifest->abi_min_minor), "a min_minor that the library knows", "Lower min_minor, or build with the newer SDK.");
  }
}

void interfaces(Context& t) {
  const ccp_plugin* const plugin = opened(t);
  if (!plugin) return;
  if (!t.subject.manifest || !CCP_HAS(plugin, extension)) return t.skip("the descriptor is not whole; see L1.descriptor");
  for (const char* id : kKnown) {
    t.step(std::string("extension(\"") + id + "\")");
    const void* table = plugin->extension(plugin, id);
    const bool promised = t.subject.provides(id);
    if (table && !promised) t.fail(std::string("extension(\"") + id + "\") gives a table that the manifest does not name", "`provides` lists it, or extension returns NULL", "Make the manifest and the code agree.");
    if (!table && promised) t.fail(std::string("extension(\"") + id + "\") returned NULL", "the table that `provides` promises", "Return it, or take the interface out of `provides`.");
    if (!table || !promised) continue;
    if (plugin->extension(plugin, id) != table) t.fail(std::string("extension(\"") + id + "\") returned two different tables", "one static table", "Make the table a static constant.");
    const auto& slots = plugin::operationsOf(id);
    std::uint32_t size = 0;
    std::memcpy(&size, table, sizeof size);
    if (size < slots.front().offset || (size - slots.front().offset) % sizeof(ccp_op) != 0) {
      t.fail(std::string(id) + ": the table says that it has " + std::to_string(size) + " bytes", "sizeof of the table that the plugin was built with", "Initialise size with sizeof the table.");
      continue;
    }
    for (const auto& slot : slots) {
      const bool covered = slot.offset + sizeof(ccp_op) <= size;
      if (plugin::operationIn(table, slot)) continue;
      if (covered) t.fail(std::string(id) + " " + std::string(slot.name) + " is NULL", "a function in every slot of the table", "An operation that is not provided answers CCP_RC_UNIMPLEMENTED.");
      else if (slot.required) t.fail(std::string(id) + ": the table ends before " + std::string(slot.name), "every operation that a host cannot do without", "Implement it.");
    }
  }
  for (const char* id : {"", "ccp.billing/999", "com.example.unknown/1", "ccp.exporter"}) {
    t.step(std::string("extension(\"") + id + "\")");
    if (plugin->extension(plugin, id)) t.fail(std::string("extension(\"") + id + "\") gives a table", "NULL for an id that does not exist", "Compare the whole id.");
  }
}

void configSchema(Context& t) {
  if (!t.subject.manifest) return t.skip("there is no valid plugin.json; see L0.manifest");
  if (t.subject.manifest->config_schema.empty()) return t.skip("the plugin takes no configuration");
  if (!t.subject.config_schema_problem.empty()) {
    t.fail(t.subject.config_schema_problem, "a JSON Schema (draft 7)", "Correct the file.");
    return;
  }
  const auto schema = config::Schema::compile(t.subject.config_schema);
  if (!schema) {
    t.fail(schema.error().detail, "a JSON Schema (draft 7) that compiles", "Correct " + t.subject.manifest->config_schema + ".");
    return;
  }
  const Json& root = t.subject.config_schema;
  if (root.strOr("type") != "object") t.fail("the schema's type is " + root["type"].dump(), "\"object\": a configuration is a mapping", "Add \"type\": \"object\".");
  if (root["additionalProperties"].asBool() != false) {
    t.fail("the schema allows members that it does not name", "\"additionalProperties\": false, so that a typing error of the operator is found", "Add it at the top level.");
  }
  if (!t.subject.fixtures.empty()) {
    const auto text = readWholeFile(t.subject.fixtures + "/config.json", std::size_t{1} << 20);
    const auto value = text ? parseJson(*text) : Result<Json>(Json());
    if (text && value) {
      if (const auto valid = schema->validate(withScratch(*value, t.scratch)); !valid) t.fail("conformance/config.json: " + valid.error().text(), "a configuration that fits the schema", "Correct one of them.");
    }
  }
}

}  // namespace ccp::kit::tests
