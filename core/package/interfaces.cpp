#include "core/package/interfaces.hpp"

#include <cstdint>
#include <cstring>
#include <map>

#include "ccp/abi/all.h"

namespace ccp::plugin {
namespace {

#define CCP_SLOT(table, op, required) \
  OpSlot { #op, offsetof(table, op), required }

std::map<std::string_view, std::vector<OpSlot>> makeTable() {
  using B = ccp_billing_v1;
  using I = ccp_identity_v1;
  using N = ccp_notifier_v1;
  using E = ccp_exporter_v1;
  using X = ccp_inbound_v1;
  return {
      {CCP_BILLING_ID,
       {CCP_SLOT(B, ensure_customer, true), CCP_SLOT(B, create_checkout, true), CCP_SLOT(B, get_checkout, true), CCP_SLOT(B, create_portal_link, false),
        CCP_SLOT(B, get_subscription, true), CCP_SLOT(B, list_subscriptions, true), CCP_SLOT(B, change_subscription, false), CCP_SLOT(B, report_usage, false),
        CCP_SLOT(B, list_prices, false), CCP_SLOT(B, fetch_event, false), CCP_SLOT(B, diagnose, false), CCP_SLOT(B, verify_webhook, true),
        CCP_SLOT(B, parse_webhook, true), CCP_SLOT(B, list_events, false)}},
      {CCP_IDENTITY_ID,
       {CCP_SLOT(I, begin, true), CCP_SLOT(I, poll, false), CCP_SLOT(I, complete, false), CCP_SLOT(I, refresh, false), CCP_SLOT(I, revoke, false),
        CCP_SLOT(I, describe, true)}},
      {CCP_NOTIFIER_ID, {CCP_SLOT(N, render, true), CCP_SLOT(N, send, true), CCP_SLOT(N, test_connection, false)}},
      {CCP_EXPORTER_ID, {CCP_SLOT(E, open, true), CCP_SLOT(E, write_batch, true), CCP_SLOT(E, flush, true), CCP_SLOT(E, close, true)}},
      {CCP_INBOUND_ID, {CCP_SLOT(X, verify, true), CCP_SLOT(X, parse, true), CCP_SLOT(X, respond, false)}},
  };
}

const std::map<std::string_view, std::vector<OpSlot>>& table() {
  // Never destroyed: a plugin may call exit() while other threads look operations up.
  static const auto& all = *new auto(makeTable());
  return all;
}

}  // namespace

const std::vector<OpSlot>& operationsOf(std::string_view interface_id) {
  static const std::vector<OpSlot> none;
  const auto at = table().find(interface_id);
  return at == table().end() ? none : at->second;
}

bool isKnownInterface(std::string_view interface_id) { return table().count(interface_id) == 1; }

ccp_op operationIn(const void* plugin_table, const OpSlot& slot) noexcept {
  const auto* bytes = static_cast<const char*>(plugin_table);
  std::uint32_t size = 0;
  std::memcpy(&size, bytes, sizeof size);
  ccp_op op = nullptr;
  if (slot.offset + sizeof op <= size) std::memcpy(&op, bytes + slot.offset, sizeof op);
  return op;
}

ccp_op operationIn(const void* plugin_table, std::string_view interface_id, std::string_view operation) {
  for (const auto& slot : operationsOf(interface_id)) {
    if (slot.name == operation) return operationIn(plugin_table, slot);
  }
  return nullptr;
}

}  // namespace ccp::plugin
