/* ccp/abi/host_kv.h - "ccp.kv/1": small durable values in a namespace of the instance's own, within the
 * quota `permissions.kv_bytes` of the manifest. For caches and cursors; business state belongs to the
 * host, which hands it back in every call. */
#ifndef CCP_ABI_HOST_KV_H
#define CCP_ABI_HOST_KV_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_KV_ID "ccp.kv/1"
#define CCP_KV_ANY_VERSION INT64_C(-1)   /* expected_version: whatever is there */
#define CCP_KV_MUST_NOT_EXIST INT64_C(0) /* expected_version: nothing is there */

typedef struct ccp_kv_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Writes the value to `out` and its version (> 0) to `*version` (may be NULL). NOT_FOUND: absent or
   * past its time to live. Keys are 1..256 bytes of UTF-8. May block. [callback] */
  ccp_rc (*get)(const struct ccp_kv_v1 *self, const ccp_call *call, ccp_str key, const ccp_sink *out,
                int64_t *version);
  /* Stores bytes if the stored version is `expected_version`; `ttl_ms` 0 = for ever. The new version
   * comes back in `*version` (may be NULL). CONFLICT: another version is there. RESOURCE_EXHAUSTED:
   * quota. Durable when it returns. May block. [callback] */
  ccp_rc (*put)(const struct ccp_kv_v1 *self, const ccp_call *call, ccp_str key, ccp_str value,
                int64_t expected_version, int64_t ttl_ms, int64_t *version);
  /* Removes a value under the same rule; OK when nothing is there and any version is expected. May
   * block. [callback] */
  ccp_rc (*remove)(const struct ccp_kv_v1 *self, const ccp_call *call, ccp_str key,
                   int64_t expected_version);
} ccp_kv_v1;

#ifdef __cplusplus
}
#endif
#endif
