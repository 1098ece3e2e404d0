/* ccp/abi/host_clock.h - "ccp.clock/1": the only clock a plugin reads, so that tests own time. */
#ifndef CCP_ABI_HOST_CLOCK_H
#define CCP_ABI_HOST_CLOCK_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_CLOCK_ID "ccp.clock/1"

typedef struct ccp_clock_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Microseconds since 1970-01-01T00:00:00Z. May step. [any] */
  int64_t (*wall_us)(const struct ccp_clock_v1 *self);
  /* Nanoseconds of a clock that never steps back; the scale of ccp_call.deadline_mono_ns. [any] */
  uint64_t (*mono_ns)(const struct ccp_clock_v1 *self);
} ccp_clock_v1;

#ifdef __cplusplus
}
#endif
#endif
