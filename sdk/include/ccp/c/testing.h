/* ccp/c/testing.h - a host for the unit tests of plugins in C: clock, HTTP, MACs, log and kv of the test's own,
 * the real C ABI in between. One test program, one thread. For C++ see ccp/testing/fake_host.hpp.
 *
 *   static ccp_fake fake;
 *   ccp_fake_init(&fake);
 *   ccp_instance *made = ccp_fake_create(&fake, ccp_plugin_entry_v1());
 *   CCP_EXPECT(ccp_fake_run(&fake, plugin->configure, "{}") == CCP_RC_OK);
 *   fake.http_status = 200; fake.http_body = "ok";
 *   CCP_EXPECT(ccp_fake_run(&fake, table->send, "{…}") == CCP_RC_OK);   // fake.out, fake.err, fake.head, fake.body
 *   return ccp_fake_finish(&fake);
 */
#ifndef CCP_C_TESTING_H
#define CCP_C_TESTING_H

#include <stdio.h>

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ccp_fake {
  /* What the test decides. */
  int64_t now_us;
  ccp_rc http_rc;        /* CCP_RC_OK: answer with the two below */
  int64_t http_status;
  const char *http_body;
  char mac[32];          /* every MAC that the plugin asks for */
  unsigned char random;  /* every random byte is this one, counted up */
  const char *missing;   /* id of a service that is not there */
  int32_t cancelled;
  /* What the plugin did. */
  char out[262144], err[16385];  /* of the last call, ended by NUL */
  char head[16385], body[262144]; /* of the last HTTP request */
  char macced[65536];             /* message of the last MAC */
  int requests, log_lines, failures;
  /* The machinery. */
  ccp_host host;
  ccp_log_v1 log;
  ccp_clock_v1 clock;
  ccp_http_v1 http;
  ccp_crypto_v1 crypto;
  const ccp_plugin *plugin;
  ccp_instance *instance;
} ccp_fake;

#define CCP_EXPECT(condition)                                              \
  do {                                                                     \
    if (!(condition)) {                                                    \
      fprintf(stderr, "%s:%d: not so: %s\n  out: %s\n  err: %s\n", __FILE__, __LINE__, #condition, fake.out, fake.err); \
      ++fake.failures;                                                     \
    }                                                                      \
  } while (0)

static inline void ccp_fake_copy(char *to, size_t capacity, ccp_str from) {
  const size_t n = from.len < capacity - 1 ? from.len : capacity - 1;
  if (n != 0) memcpy(to, from.ptr, n);
  to[n] = '\0';
}
static inline void ccp_fake_log(const ccp_log_v1 *self, int32_t level, ccp_str event, ccp_str fields) {
  (void)level;
  (void)event;
  (void)fields;
  ++((ccp_fake *)self->ctx)->log_lines;
}
static inline int64_t ccp_fake_wall(const ccp_clock_v1 *self) { return ((ccp_fake *)self->ctx)->now_us; }
static inline uint64_t ccp_fake_mono(const ccp_clock_v1 *self) { return (uint64_t)((ccp_fake *)self->ctx)->now_us * 1000; }
static inline ccp_rc ccp_fake_http(const ccp_http_v1 *self, const ccp_call *call, ccp_str head, ccp_str body, const ccp_sink *head_out,
                                   const ccp_sink *body_out, const ccp_sink *err) {
  ccp_fake *f = (ccp_fake *)self->ctx;
  ccp_json_writer w = ccp_json_to(head_out);
  (void)call;
  (void)err;
  ++f->requests;
  ccp_fake_copy(f->head, sizeof f->head, head);
  ccp_fake_copy(f->body, sizeof f->body, body);
  if (!ccp_json_valid(head)) return CCP_RC_INVALID_ARGUMENT;
  if (f->http_rc != CCP_RC_OK) return f->http_rc;
  ccp_json_put(&w, "{\"status\":");
  ccp_json_put_int(&w, f->http_status);
  ccp_json_put(&w, ",\"headers\":[]}");
  if (w.rc != CCP_RC_OK) return w.rc;
  return body_out->write(body_out, f->http_body, strlen(f->http_body));
}
static inline ccp_rc ccp_fake_hmac(const ccp_crypto_v1 *self, const ccp_call *call, ccp_str secret, int32_t encoding, ccp_str prefix, ccp_str message,
                                   const ccp_sink *out) {
  ccp_fake *f = (ccp_fake *)self->ctx;
  (void)call;
  (void)secret;
  (void)encoding;
  (void)prefix;
  ccp_fake_copy(f->macced, sizeof f->macced, message);
  return out->write(out, f->mac, sizeof f->mac);
}
static inline ccp_rc ccp_fake_random(const ccp_crypto_v1 *self, size_t len, const ccp_sink *out) {
  ccp_fake *f = (ccp_fake *)self->ctx;
  ccp_rc rc = CCP_RC_OK;
  for (; len > 0 && rc == CCP_RC_OK; --len) {
    const unsigned char byte = f->random++;
    rc = out->write(out, &byte, 1);
  }
  return rc;
}
static inline const void *ccp_fake_service(const ccp_host *host, const char *id) {
  ccp_fake *f = (ccp_fake *)host->ctx;
  if (f->missing != NULL && strcmp(f->missing, id) == 0) return NULL;
  if (strcmp(id, CCP_LOG_ID) == 0) return &f->log;
  if (strcmp(id, CCP_CLOCK_ID) == 0) return &f->clock;
  if (strcmp(id, CCP_HTTP_ID) == 0) return &f->http;
  if (strcmp(id, CCP_CRYPTO_ID) == 0) return &f->crypto;
  return NULL;
}

static inline void ccp_fake_init(ccp_fake *f) {
  memset(f, 0, sizeof *f);
  f->now_us = INT64_C(1800000000000000);
  f->http_status = 200;
  f->http_body = "";
  f->log.size = sizeof f->log;
  f->clock.size = sizeof f->clock;
  f->http.size = sizeof f->http;
  f->crypto.size = sizeof f->crypto;
  f->log.ctx = f->clock.ctx = f->http.ctx = f->crypto.ctx = f;
  f->log.write = ccp_fake_log;
  f->clock.wall_us = ccp_fake_wall;
  f->clock.mono_ns = ccp_fake_mono;
  f->http.send = ccp_fake_http;
  f->crypto.hmac_sha256 = ccp_fake_hmac;
  f->crypto.random = ccp_fake_random;
  f->host.size = sizeof f->host;
  f->host.abi_major = CCP_ABI_MAJOR;
  f->host.abi_minor = CCP_ABI_MINOR;
  f->host.ctx = f;
  f->host.name = "fake";
  f->host.version = "0";
  f->host.service = ccp_fake_service;
  f->host.mode = "dev";
}

static inline int32_t ccp_fake_cancelled(const ccp_call *call) {
  /* The call lies behind nothing of ours; its err sink belongs to the fake. */
  const ccp_buffer *b = (const ccp_buffer *)call->err->ctx;
  return ((const ccp_fake *)(const void *)(b->ptr - offsetof(ccp_fake, err)))->cancelled;
}
/* One operation of the instance; its result stands in `out` or `err`. */
static inline ccp_rc ccp_fake_run(ccp_fake *f, ccp_op op, const char *in) {
  ccp_buffer out, err;
  ccp_call call;
  ccp_rc rc;
  ccp_buffer_init(&out, f->out, sizeof f->out - 1);
  ccp_buffer_init(&err, f->err, sizeof f->err - 1);
  memset(&call, 0, sizeof call);
  call.size = sizeof call;
  call.request_id = ccp_text("req_test");
  call.tenant = ccp_text("org_test");
  call.idempotency_key = ccp_text("idem_test");
  call.out = &out.sink;
  call.err = &err.sink;
  call.is_cancelled = ccp_fake_cancelled;
  rc = op(f->instance, &call, ccp_text(in));
  f->out[out.len] = '\0';
  f->err[err.len] = '\0';
  return rc;
}
static inline ccp_instance *ccp_fake_create(ccp_fake *f, const ccp_plugin *plugin) {
  f->plugin = plugin;
  if (plugin->create(&f->host, ccp_text("test"), &f->instance) != CCP_RC_OK) return NULL;
  return f->instance;
}
/* Frees the instance; the exit status of the test program. */
static inline int ccp_fake_finish(ccp_fake *f) {
  if (f->instance != NULL) f->plugin->destroy(f->instance);
  f->instance = NULL;
  if (f->failures == 0) puts("ok");
  return f->failures == 0 ? 0 : 1;
}

#ifdef __cplusplus
}
#endif
#endif
