/* ccp/abi/host_scheduler.h - "ccp.scheduler/1": periodic work on threads of the host. */
#ifndef CCP_ABI_HOST_SCHEDULER_H
#define CCP_ABI_HOST_SCHEDULER_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_SCHEDULER_ID "ccp.scheduler/1"

typedef struct ccp_scheduler_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Calls `tick` with {"name":"…"} every `interval_ms` (at least 1000) while the instance is ready,
   * never twice at once; a tick counts as an operation: deadline, concurrency, abandonment. Only while
   * start is on the stack. At most 8 per instance (RESOURCE_EXHAUSTED); the same name twice is
   * CONFLICT. [callback] */
  ccp_rc (*every)(const struct ccp_scheduler_v1 *self, const ccp_call *call, ccp_str name,
                  int64_t interval_ms, ccp_op tick);
} ccp_scheduler_v1;

#ifdef __cplusplus
}
#endif
#endif
