/* ccp/abi/billing.h - "ccp.billing/1": a payment provider behind one contract. The host
 * decides about licenses; a plugin translates, keeps no state, and reports whole snapshots. */
#ifndef CCP_ABI_BILLING_H
#define CCP_ABI_BILLING_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_BILLING_ID "ccp.billing/1"

/* Append only. JSON of every operation: sdk/schemas/ccp.billing/<operation>.{in,out}.json. */
typedef struct ccp_billing_v1 {
  uint32_t size;
  uint32_t reserved;
  /* Finds or makes the customer of an organization; the organization id decides, not the
   * mail address. Idempotent. [concurrent] */
  ccp_op ensure_customer;
  /* Makes a hosted checkout and returns its address. [concurrent] */
  ccp_op create_checkout;
  /* What became of a checkout. NOT_FOUND. [concurrent] */
  ccp_op get_checkout;
  /* A short-lived address where the customer manages the subscription. [concurrent] */
  ccp_op create_portal_link;
  /* One subscription, whole. NOT_FOUND. [concurrent] */
  ccp_op get_subscription;
  /* All subscriptions of a customer, page by page (cursor); without a customer those of the
   * whole account (UNIMPLEMENTED when the provider has no such list). [concurrent] */
  ccp_op list_subscriptions;
  /* Changes plan or quantity, cancels, resumes or pauses; returns the snapshot after.
   * [concurrent] */
  ccp_op change_subscription;
  /* A batch of usage records, each with its own dedupe key. [concurrent] */
  ccp_op report_usage;
  /* What the provider sells, for checking the catalog. [concurrent] */
  ccp_op list_prices;
  /* Fetches what a thin event only names and returns events as parse_webhook does.
   * [concurrent] */
  ccp_op fetch_event;
  /* Findings for the operator; changes nothing. [concurrent] */
  ccp_op diagnose;
  /* Pure. OK, or UNAUTHENTICATED with code signature_invalid or signature_stale. May tell
   * {"event_id","type"} of the one event; without them parse_webhook is asked before the webhook is
   * acknowledged. [concurrent] */
  ccp_op verify_webhook;
  /* Pure. Events of a verified body; a type that is not known becomes kind "ignored".
   * [concurrent] */
  ccp_op parse_webhook;
  /* Since 1.1. What happened at the provider since a time, page by page (cursor), as parse_webhook
   * says it: repairs what webhooks missed, refunds and disputes above all. Optional. [concurrent] */
  ccp_op list_events;
} ccp_billing_v1;

#ifdef __cplusplus
}
#endif
#endif
