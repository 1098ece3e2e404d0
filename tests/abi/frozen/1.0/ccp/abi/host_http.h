/* ccp/abi/host_http.h - "ccp.http/1": outbound HTTPS through the host: one TLS stack, an egress
 * allow-list from the signed manifest, no private addresses, no redirects, bounded time and size. */
#ifndef CCP_ABI_HOST_HTTP_H
#define CCP_ABI_HOST_HTTP_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_HTTP_ID "ccp.http/1"

typedef struct ccp_http_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Sends one request and waits for the whole response. Any HTTP status is CCP_RC_OK.
   *
   * head_json: {"method":"POST","url":"https://…","headers":[["Name","value"],…],
   *   "auth":{"bearer":"<secret id>"}
   *        | {"basic_user":"<secret id>"}                      (secret as user, empty password)
   *        | {"header":"X-Api-Key","secret":"<secret id>","prefix":"…"?},
   *   "timeout_ms":n?, "max_response_bytes":n?}
   * `auth` is attached by the host, so that the value never enters the plugin; a secret goes only to
   * origins of the egress list, and for ever to the first one that it was used with.
   * body: raw bytes, may be empty.
   * head_out: {"status":200,"headers":[["name","value"],…]}; body_out: raw bytes.
   * err: problem JSON as in ccp_call.err; may be NULL.
   *
   * PERMISSION_DENIED: address or secret not allowed. DEADLINE_EXCEEDED: the call's deadline is over,
   * or the rest of it was not enough. UNAVAILABLE: no connection. INVALID_ARGUMENT: head_json.
   * RESOURCE_EXHAUSTED: response too large. May block until the deadline. [callback] */
  ccp_rc (*send)(const struct ccp_http_v1 *self, const ccp_call *call, ccp_str head_json, ccp_str body,
                 const ccp_sink *head_out, const ccp_sink *body_out, const ccp_sink *err);
} ccp_http_v1;

#ifdef __cplusplus
}
#endif
#endif
