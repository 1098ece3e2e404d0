/* ccp/abi/host_log.h - "ccp.log/1": structured log lines. The host adds instance, plugin and request,
 * masks what looks like a credential, and limits rate and length. */
#ifndef CCP_ABI_HOST_LOG_H
#define CCP_ABI_HOST_LOG_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_LOG_ID "ccp.log/1"
#define CCP_LOG_DEBUG 0
#define CCP_LOG_INFO 1
#define CCP_LOG_WARN 2
#define CCP_LOG_ERROR 3

typedef struct ccp_log_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* One line. `event` is a short snake_case or dotted word, `fields_json` an object or empty. Never
   * fails, never blocks for long. [any] */
  void (*write)(const struct ccp_log_v1 *self, int32_t level, ccp_str event, ccp_str fields_json);
} ccp_log_v1;

#ifdef __cplusplus
}
#endif
#endif
