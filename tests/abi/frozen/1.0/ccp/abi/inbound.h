/* ccp/abi/inbound.h - "ccp.inbound/1": requests that other systems send to us (apps, chat
 * commands), turned into domain commands. */
#ifndef CCP_ABI_INBOUND_H
#define CCP_ABI_INBOUND_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_INBOUND_ID "ccp.inbound/1"

/* Append only. JSON of every operation: sdk/schemas/ccp.inbound/<operation>.{in,out}.json. */
typedef struct ccp_inbound_v1 {
  uint32_t size;
  uint32_t reserved;
  /* Pure. OK, or UNAUTHENTICATED with code signature_invalid or signature_stale. [concurrent] */
  ccp_op verify;
  /* Pure. A verified request to commands. [concurrent] */
  ccp_op parse;
  /* Sends the outcome of a command back. [concurrent] */
  ccp_op respond;
} ccp_inbound_v1;

#ifdef __cplusplus
}
#endif
#endif
