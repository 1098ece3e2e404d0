/* ccp/abi/host_secrets.h - "ccp.secrets/1": the value behind a secret reference. The last resort: let
 * ccp.http/1 attach credentials and ccp.crypto/1 use keys, so that no value enters the plugin. */
#ifndef CCP_ABI_HOST_SECRETS_H
#define CCP_ABI_HOST_SECRETS_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_SECRETS_ID "ccp.secrets/1"

typedef struct ccp_secrets_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Writes the bytes of secret `id` to `out`. PERMISSION_DENIED: `permissions.secrets` of the manifest
   * does not name it. NOT_FOUND: the operator has not provided it. Every read is logged by the host.
   * Zero the bytes before the call ends. [callback] */
  ccp_rc (*get)(const struct ccp_secrets_v1 *self, const ccp_call *call, ccp_str id,
                const ccp_sink *out);
} ccp_secrets_v1;

#ifdef __cplusplus
}
#endif
#endif
