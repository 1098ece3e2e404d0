/* ccp/abi/notifier.h - "ccp.notifier/1": tells people what happened. */
#ifndef CCP_ABI_NOTIFIER_H
#define CCP_ABI_NOTIFIER_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_NOTIFIER_ID "ccp.notifier/1"

/* Append only. JSON of every operation: sdk/schemas/ccp.notifier/<operation>.{in,out}.json. */
typedef struct ccp_notifier_v1 {
  uint32_t size;
  uint32_t reserved;
  /* Pure. A domain event to a message; also used for previews. [concurrent] */
  ccp_op render;
  /* Sends a rendered message; retries do not render again. [concurrent] */
  ccp_op send;
  /* Proves that messages would arrive, without sending one to people. [concurrent] */
  ccp_op test_connection;
} ccp_notifier_v1;

#ifdef __cplusplus
}
#endif
#endif
