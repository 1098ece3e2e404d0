/* ccp/abi/host_events.h - "ccp.events/1": domain events into the host's outbox. */
#ifndef CCP_ABI_HOST_EVENTS_H
#define CCP_ABI_HOST_EVENTS_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_EVENTS_ID "ccp.events/1"

typedef struct ccp_events_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Appends {"type":"noun.past_participle","subject":"…","data":{…}} for the call's tenant; durable
   * when it returns, delivered at least once, in order per subject. `type` must stand in
   * `permissions.events` of the manifest (PERMISSION_DENIED). May block. [callback] */
  ccp_rc (*append)(const struct ccp_events_v1 *self, const ccp_call *call, ccp_str event_json);
} ccp_events_v1;

#ifdef __cplusplus
}
#endif
#endif
