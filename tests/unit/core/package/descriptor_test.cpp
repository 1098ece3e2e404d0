// Descriptors and tables of every size: truncated, with holes, of another ABI, of another build.
#include <doctest/doctest.h>

#include <cstddef>
#include <cstring>
#include <functional>

#include "ccp/abi/all.h"
#include "core/package/interfaces.hpp"
#include "core/package/loader.hpp"

using namespace ccp;
using namespace ccp::plugin;

namespace {

ccp_rc anyOp(ccp_instance*, const ccp_call*, ccp_str) { return CCP_RC_OK; }
ccp_rc anyCreate(const ccp_host*, ccp_str, ccp_instance**) { return CCP_RC_OK; }
void anyDestroy(ccp_instance*) {}

ccp_billing_v1 g_billing;
const void* anyExtension(const ccp_plugin*, const char* id) { return std::strcmp(id, CCP_BILLING_ID) == 0 ? &g_billing : nullptr; }

ccp_billing_v1 wholeBilling() {
  return {sizeof(ccp_billing_v1), 0, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp, anyOp};
}
ccp_plugin wholePlugin() {
  return {CCP_PLUGIN_MAGIC, sizeof(ccp_plugin), CCP_ABI_MAJOR, CCP_ABI_MINOR, 0,     "ccp.x", "1.0.0",    "",
          anyCreate,        anyOp,              anyOp,         anyOp,         anyOp, anyOp,   anyDestroy, anyExtension};
}
Manifest manifest() {
  Manifest m;
  m.id = "ccp.x";
  m.version = "1.0.0";
  m.provides = {CCP_BILLING_ID};
  return m;
}

}  // namespace

TEST_CASE("a whole descriptor is accepted, also when it is newer and longer than ours") {
  g_billing = wholeBilling();
  ccp_plugin plugin = wholePlugin();
  CHECK(checkDescriptor(&plugin, manifest()).has_value());
  plugin.size += 64;
  plugin.abi_minor = 9;
  CHECK(checkDescriptor(&plugin, manifest()).has_value());
}

TEST_CASE("a descriptor that is damaged, truncated or of another build is refused") {
  struct Case {
    const char* name;
    std::function<void(ccp_plugin&)> damage;
    const char* says;
  };
  const Case cases[] = {
      {"magic", [](ccp_plugin& p) { p.magic = 0x12345678; }, "magic"},
      {"major", [](ccp_plugin& p) { p.abi_major = 2; }, "ABI 2"},
      {"size 0", [](ccp_plugin& p) { p.size = 0; }, "lacks a lifecycle function"},
      {"truncated before extension", [](ccp_plugin& p) { p.size = offsetof(ccp_plugin, extension); }, "lacks a lifecycle function"},
      {"truncated within a slot", [](ccp_plugin& p) { p.size = offsetof(ccp_plugin, extension) + 4; }, "lacks a lifecycle function"},
      {"no create", [](ccp_plugin& p) { p.create = nullptr; }, "lacks a lifecycle function"},
      {"no configure", [](ccp_plugin& p) { p.configure = nullptr; }, "lacks a lifecycle function"},
      {"no start", [](ccp_plugin& p) { p.start = nullptr; }, "lacks a lifecycle function"},
      {"no health", [](ccp_plugin& p) { p.health = nullptr; }, "lacks a lifecycle function"},
      {"no drain", [](ccp_plugin& p) { p.drain = nullptr; }, "lacks a lifecycle function"},
      {"no stop", [](ccp_plugin& p) { p.stop = nullptr; }, "lacks a lifecycle function"},
      {"no destroy", [](ccp_plugin& p) { p.destroy = nullptr; }, "lacks a lifecycle function"},
      {"no id", [](ccp_plugin& p) { p.id = nullptr; }, "calls itself nothing"},
      {"another id", [](ccp_plugin& p) { p.id = "ccp.y"; }, "calls itself ccp.y"},
      {"another version", [](ccp_plugin& p) { p.version = "1.0.1"; }, "calls itself ccp.x 1.0.1"},
  };
  g_billing = wholeBilling();
  for (const auto& c : cases) {
    CAPTURE(c.name);
    ccp_plugin plugin = wholePlugin();
    c.damage(plugin);
    const Status status = checkDescriptor(&plugin, manifest());
    REQUIRE_FALSE(status.has_value());
    CHECK(status.error().code == Errc::plugin_refused);
    CHECK_MESSAGE(status.error().detail.find(c.says) != std::string::npos, status.error().detail);
  }
}

TEST_CASE("an interface that the manifest promises must be there with what a host cannot do without") {
  const ccp_plugin plugin = wholePlugin();
  Manifest m = manifest();
  m.provides = {CCP_IDENTITY_ID};
  CHECK(checkDescriptor(&plugin, m).error().detail.find("does not provide it") != std::string::npos);

  for (const auto& slot : operationsOf(CCP_BILLING_ID)) {
    const std::string name(slot.name);
    CAPTURE(name);
    // The slot is NULL.
    g_billing = wholeBilling();
    std::memset(reinterpret_cast<char*>(&g_billing) + slot.offset, 0, sizeof(ccp_op));
    CHECK(checkDescriptor(&plugin, manifest()).has_value() == !slot.required);
    CHECK_FALSE(static_cast<bool>(operationIn(&g_billing, CCP_BILLING_ID, slot.name)));
    // The table ends before the slot, as one of an older SDK would.
    g_billing = wholeBilling();
    g_billing.size = static_cast<std::uint32_t>(slot.offset);
    CHECK_FALSE(static_cast<bool>(operationIn(&g_billing, CCP_BILLING_ID, slot.name)));
    bool lacks_required = false;
    for (const auto& other : operationsOf(CCP_BILLING_ID))
      lacks_required = lacks_required || (other.required && other.offset >= slot.offset);
    CHECK(checkDescriptor(&plugin, manifest()).has_value() == !lacks_required);
    // The table ends within it.
    g_billing.size = static_cast<std::uint32_t>(slot.offset + 7);
    CHECK_FALSE(static_cast<bool>(operationIn(&g_billing, CCP_BILLING_ID, slot.name)));
    g_billing.size = static_cast<std::uint32_t>(slot.offset + 8);
    CHECK(static_cast<bool>(operationIn(&g_billing, CCP_BILLING_ID, slot.name)));
  }
  g_billing = wholeBilling();
  CHECK_FALSE(static_cast<bool>(operationIn(&g_billing, CCP_BILLING_ID, "no_such_op")));
  CHECK_FALSE(static_cast<bool>(operationIn(&g_billing, "ccp.unknown/1", "begin")));
}
