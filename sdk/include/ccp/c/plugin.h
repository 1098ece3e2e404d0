/* ccp/c/plugin.h - what a plugin in C writes again and again: texts, sinks in memory of its own, answers,
 * problems, services and one HTTP exchange. C11, header-only, no allocation. Also valid C++. */
#ifndef CCP_C_PLUGIN_H
#define CCP_C_PLUGIN_H

#include "../abi/host.h"
#include "json.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- texts --------------------------------------------------------------------------------------------- */

static inline ccp_str ccp_bytes(const char *ptr, size_t len) {
  ccp_str s;
  s.ptr = ptr;
  s.len = len;
  return s;
}
static inline ccp_str ccp_text(const char *text) { return ccp_bytes(text, strlen(text)); }
static inline int ccp_is(ccp_str s, const char *text) {
  const size_t n = strlen(text);
  return s.len == n && (n == 0 || memcmp(s.ptr, text, n) == 0);
}
/* In a time that does not depend on where they differ; for signatures. */
static inline int ccp_same_secret(ccp_str a, ccp_str b) {
  volatile unsigned char diff = 0;
  size_t i;
  if (a.len != b.len) return 0;
  for (i = 0; i < a.len; ++i) diff = (unsigned char)(diff | (unsigned char)(a.ptr[i] ^ b.ptr[i]));
  return diff == 0;
}
/* `out` takes 2 * bytes.len characters; no NUL. */
static inline void ccp_hex(ccp_str bytes, char *out) {
  static const char kDigits[] = "0123456789abcdef";
  size_t i;
  for (i = 0; i < bytes.len; ++i) {
    out[2 * i] = kDigits[(unsigned char)bytes.ptr[i] >> 4];
    out[2 * i + 1] = kDigits[(unsigned char)bytes.ptr[i] & 15];
  }
}
/* Decodes base64url without padding (how bytes travel in JSON) into `out`; 0 when it is none or too long. */
static inline int ccp_base64url(ccp_str text, char *out, size_t capacity, size_t *len) {
  uint32_t acc = 0;
  unsigned bits = 0;
  size_t i, n = 0;
  if (text.len % 4 == 1) return 0;
  for (i = 0; i < text.len; ++i) {
    const char c = text.ptr[i];
    uint32_t v;
    if (c >= 'A' && c <= 'Z') v = (uint32_t)(c - 'A');
    else if (c >= 'a' && c <= 'z') v = (uint32_t)(c - 'a') + 26;
    else if (c >= '0' && c <= '9') v = (uint32_t)(c - '0') + 52;
    else if (c == '-') v = 62;
    else if (c == '_') v = 63;
    else return 0;
    acc = (acc << 6) | v;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      if (n == capacity) return 0;
      out[n++] = (char)((acc >> bits) & 0xFF);
    }
  }
  if ((acc & ((UINT32_C(1) << bits) - 1)) != 0) return 0; /* two texts for one value */
  *len = n;
  return 1;
}

/* --- sinks in memory ------------------------------------------------------------------------------------ */

/* A sink over memory of the caller: ccp_buffer b; ccp_buffer_init(&b, memory, sizeof memory); pass &b.sink. */
typedef struct ccp_buffer {
  ccp_sink sink;
  char *ptr;
  size_t capacity, len;
} ccp_buffer;

static inline ccp_rc ccp_buffer_write(const ccp_sink *sink, const void *data, size_t len) {
  ccp_buffer *b = (ccp_buffer *)sink->ctx;
  if (len > b->capacity - b->len) return CCP_RC_RESOURCE_EXHAUSTED;
  if (len != 0) memcpy(b->ptr + b->len, data, len);
  b->len += len;
  return CCP_RC_OK;
}
static inline void ccp_buffer_init(ccp_buffer *b, char *memory, size_t capacity) {
  b->sink.size = sizeof b->sink;
  b->sink.reserved = 0;
  b->sink.ctx = b;
  b->sink.write = ccp_buffer_write;
  b->ptr = memory;
  b->capacity = capacity;
  b->len = 0;
}
static inline ccp_str ccp_buffer_text(const ccp_buffer *b) { return ccp_bytes(b->ptr, b->len); }

/* A sink that forgets: for answers that nobody reads. */
static inline ccp_rc ccp_drop_write(const ccp_sink *sink, const void *data, size_t len) {
  (void)sink;
  (void)data;
  (void)len;
  return CCP_RC_OK;
}
static inline ccp_sink ccp_drop(void) {
  ccp_sink sink;
  sink.size = sizeof sink;
  sink.reserved = 0;
  sink.ctx = NULL;
  sink.write = ccp_drop_write;
  return sink;
}

/* --- how an operation ends ------------------------------------------------------------------------------- */

/* The result: one JSON value, written whole. return ccp_answer(call, "{}"); */
static inline ccp_rc ccp_answer(const ccp_call *call, const char *json) {
  ccp_json_writer w = ccp_json_to(CCP_HAS(call, out) ? call->out : NULL);
  ccp_json_put(&w, json);
  return w.rc;
}
/* A failure: return ccp_problem(call, CCP_RC_NOT_FOUND, "no_such_plan", "The plan is not known."); */
static inline ccp_rc ccp_problem(const ccp_call *call, ccp_rc rc, const char *code, const char *detail) {
  ccp_json_writer w = ccp_json_to(CCP_HAS(call, err) ? call->err : NULL);
  ccp_json_put(&w, "{\"code\":");
  ccp_json_put_string(&w, ccp_text(code));
  ccp_json_put(&w, ",\"detail\":");
  ccp_json_put_string(&w, ccp_text(detail));
  ccp_json_put(&w, "}");
  return rc; /* the class alone must do when the text cannot be written */
}

/* --- services --------------------------------------------------------------------------------------------- */

/* The table, or NULL; ask CCP_HAS() for each function of it. */
static inline const void *ccp_service(const ccp_host *host, const char *id) {
  return CCP_HAS(host, service) ? host->service(host, id) : NULL;
}
static inline void ccp_log(const ccp_host *host, int32_t level, const char *event, const char *fields_json) {
  const ccp_log_v1 *log = (const ccp_log_v1 *)ccp_service(host, CCP_LOG_ID);
  if (log != NULL && CCP_HAS(log, write)) log->write(log, level, ccp_text(event), ccp_text(fields_json));
}

/* One exchange over ccp.http/1; `head` as in ccp/abi/host_http.h. The response's status comes back in
 * `*status`, its body in `answer` (RESOURCE_EXHAUSTED when it is larger than the buffer; NULL: nobody reads it).
 * Problems of the host are passed on to the caller. */
static inline ccp_rc ccp_http(const ccp_host *host, const ccp_call *call, ccp_str head, ccp_str body, int64_t *status, ccp_buffer *answer) {
  const ccp_http_v1 *http = (const ccp_http_v1 *)ccp_service(host, CCP_HTTP_ID);
  char memory[16384];
  ccp_buffer head_out;
  const ccp_sink drop = ccp_drop();
  ccp_rc rc;
  if (http == NULL || !CCP_HAS(http, send)) return ccp_problem(call, CCP_RC_INTERNAL, "no_http", "The host provides no ccp.http/1; list it under `requires`.");
  ccp_buffer_init(&head_out, memory, sizeof memory);
  rc = http->send(http, call, head, body, &head_out.sink, answer != NULL ? &answer->sink : &drop, CCP_HAS(call, err) ? call->err : NULL);
  if (rc != CCP_RC_OK) return rc;
  if (ccp_json_int(ccp_buffer_text(&head_out), "status", status) != CCP_JSON_FOUND) return ccp_problem(call, CCP_RC_INTERNAL, "bad_host", "The host answered an HTTP request without a status.");
  return CCP_RC_OK;
}

/* POSTs `body` and takes any 2xx for success; `bearer` is a secret id or empty, `key` an idempotency key or
 * empty, `answer` may be NULL. Other answers become RATE_LIMITED or UNAVAILABLE with a problem. */
static inline ccp_rc ccp_post(const ccp_host *host, const ccp_call *call, ccp_str url, ccp_str content_type, ccp_str bearer, ccp_str key,
                              ccp_str body, ccp_buffer *answer) {
  char memory[8192];
  ccp_buffer head;
  ccp_json_writer w;
  int64_t status = 0;
  ccp_rc rc;
  ccp_buffer_init(&head, memory, sizeof memory);
  w = ccp_json_to(&head.sink);
  ccp_json_put(&w, "{\"method\":\"POST\",\"url\":");
  ccp_json_put_string(&w, url);
  ccp_json_put(&w, ",\"headers\":[[\"Content-Type\",");
  ccp_json_put_string(&w, content_type);
  ccp_json_put(&w, "]");
  if (key.len != 0) {
    ccp_json_put(&w, ",[\"Idempotency-Key\",");
    ccp_json_put_string(&w, key);
    ccp_json_put(&w, "]");
  }
  ccp_json_put(&w, "]");
  if (bearer.len != 0) {
    ccp_json_put(&w, ",\"auth\":{\"bearer\":");
    ccp_json_put_string(&w, bearer);
    ccp_json_put(&w, "}");
  }
  ccp_json_put(&w, "}");
  if (w.rc != CCP_RC_OK) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "request_too_long", "Address and headers of the request do not fit into 8 KiB.");
  rc = ccp_http(host, call, ccp_buffer_text(&head), body, &status, answer);
  if (rc != CCP_RC_OK) return rc;
  if (status == 429) return ccp_problem(call, CCP_RC_RATE_LIMITED, "rate_limited", "The provider asks to slow down.");
  if (status < 200 || status > 299) {
    char text[] = "The provider answered with HTTP status 000.";
    size_t i;
    for (i = 0; i < 3 && status > 0 && status < 1000; ++i, status /= 10) text[sizeof text - 3 - i] = (char)('0' + status % 10);
    return ccp_problem(call, CCP_RC_UNAVAILABLE, "provider_error", text);
  }
  return CCP_RC_OK;
}

#ifdef __cplusplus
}
#endif
#endif
