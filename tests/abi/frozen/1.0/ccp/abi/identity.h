/* ccp/abi/identity.h - "ccp.identity/1": proves who somebody is, or runs a grant. A state
 * machine without state: the host stores the opaque `state` value and hands it back. */
#ifndef CCP_ABI_IDENTITY_H
#define CCP_ABI_IDENTITY_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_IDENTITY_ID "ccp.identity/1"

/* Append only. JSON of every operation: sdk/schemas/ccp.identity/<operation>.{in,out}.json. */
typedef struct ccp_identity_v1 {
  uint32_t size;
  uint32_t reserved;
  /* Starts an attempt: {"kind":"device"} codes or {"kind":"redirect"} address. [concurrent] */
  ccp_op begin;
  /* Kind device: pending, slow_down, done, denied or expired, with the next state. [concurrent] */
  ccp_op poll;
  /* Kind redirect: what came back, to a subject. [concurrent] */
  ccp_op complete;
  /* Renews an upstream session. [concurrent] */
  ccp_op refresh;
  /* Ends an upstream session. [concurrent] */
  ccp_op revoke;
  /* Pure. {"kind":"device"|"redirect","title":…}. [concurrent] */
  ccp_op describe;
} ccp_identity_v1;

#ifdef __cplusplus
}
#endif
#endif
