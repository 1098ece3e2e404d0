/* @ID@: log-in by device code. It makes codes and decides what a poll is told; it stores nothing: the host keeps
 * the state and hands it back. */
#include <stdlib.h>

#include "ccp/abi/identity.h"
#include "ccp/c/plugin.h"

struct ccp_instance {
  const ccp_host *host;
  int64_t expires_in_s, interval_s;
};

/* "BCDF-GHJK": 20 letters without vowels and look-alikes; bytes beyond the last multiple of 20 are skipped, so
 * that no letter is likelier than another. 0 when the bytes run out. */
static int user_code(ccp_str random, char out[9]) {
  static const char kAlphabet[] = "BCDFGHJKLMNPQRSTVWXZ";
  size_t i, n = 0;
  for (i = 0; i < random.len && n < 9; ++i) {
    const unsigned char byte = (unsigned char)random.ptr[i];
    if (byte >= 240) continue;
    out[n++] = kAlphabet[byte % 20];
    if (n == 4) out[n++] = '-';
  }
  return n == 9;
}

static ccp_rc begin(ccp_instance *self, const ccp_call *call, ccp_str in) {
  const ccp_crypto_v1 *crypto = ccp_service(self->host, CCP_CRYPTO_ID);
  const ccp_clock_v1 *clock = ccp_service(self->host, CCP_CLOCK_ID);
  char memory[96], code[9], device[64];
  ccp_buffer random;
  ccp_json_writer w = ccp_json_to(call->out);
  ccp_rc rc;
  (void)in;
  if (crypto == NULL || !CCP_HAS(crypto, random) || clock == NULL || !CCP_HAS(clock, wall_us)) {
    return ccp_problem(call, CCP_RC_INTERNAL, "no_service", "The host provides no ccp.crypto/1 or no ccp.clock/1.");
  }
  ccp_buffer_init(&random, memory, sizeof memory);
  rc = crypto->random(crypto, sizeof memory, &random.sink);
  if (rc != CCP_RC_OK) return ccp_problem(call, rc, "no_random", "The host made no random bytes.");
  if (random.len != sizeof memory || !user_code(ccp_bytes(memory, 64), code)) return ccp_problem(call, CCP_RC_UNAVAILABLE, "no_code", "The random bytes held too few letters.");
  ccp_hex(ccp_bytes(memory + 64, 32), device);
  ccp_json_put(&w, "{\"user_code\":");
  ccp_json_put_string(&w, ccp_bytes(code, sizeof code));
  ccp_json_put(&w, ",\"device_code\":");
  ccp_json_put_string(&w, ccp_bytes(device, sizeof device));
  ccp_json_put(&w, ",\"expires_in_s\":");
  ccp_json_put_int(&w, self->expires_in_s);
  ccp_json_put(&w, ",\"interval_s\":");
  ccp_json_put_int(&w, self->interval_s);
  ccp_json_put(&w, ",\"state\":{\"expires_at_us\":");
  ccp_json_put_int(&w, clock->wall_us(clock) + self->expires_in_s * 1000000);
  ccp_json_put(&w, "}}");
  return w.rc;
}

static ccp_rc poll(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char memory[16];
  const char *status = "pending";
  ccp_json_writer w = ccp_json_to(call->out);
  ccp_str decision, state;
  int64_t now, expires;
  if (!ccp_json_valid(in) || ccp_json_find(in, "state", &state) != CCP_JSON_FOUND || ccp_json_int(in, "now_us", &now) != CCP_JSON_FOUND ||
      ccp_json_int(in, "/state/expires_at_us", &expires) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_state", "\"now_us\" and the \"state\" of begin are required.");
  }
  if (ccp_json_string(in, "decision", memory, sizeof memory, &decision) == CCP_JSON_FOUND) {
    if (ccp_is(decision, "approved")) status = "done";
    if (ccp_is(decision, "denied")) status = "denied";
  }
  if (now >= expires) status = "expired";
  ccp_json_put(&w, "{\"status\":");
  ccp_json_put_string(&w, ccp_text(status));
  ccp_json_put(&w, ",\"interval_s\":");
  ccp_json_put_int(&w, self->interval_s);
  ccp_json_put(&w, ",\"state\":");
  ccp_json_put_str(&w, state);
  ccp_json_put(&w, "}");
  return w.rc;
}

static ccp_rc describe(ccp_instance *self, const ccp_call *call, ccp_str in) {
  (void)self;
  (void)in;
  return ccp_answer(call, "{\"kind\":\"device\",\"title\":\"@NAME@\"}");
}

/* The other kind, redirect, and upstream sessions are not for this plugin. */
static ccp_rc unimplemented(ccp_instance *self, const ccp_call *call, ccp_str in) {
  (void)self;
  (void)in;
  return ccp_problem(call, CCP_RC_UNIMPLEMENTED, "unimplemented", "This plugin does not provide the operation.");
}

static ccp_rc create(const ccp_host *host, ccp_str name, ccp_instance **out) {
  ccp_instance *self = calloc(1, sizeof *self);
  (void)name;
  if (self == NULL) return CCP_RC_RESOURCE_EXHAUSTED;
  self->host = host;
  *out = self;
  return CCP_RC_OK;
}
static void destroy(ccp_instance *self) { free(self); }

static ccp_rc configure(ccp_instance *self, const ccp_call *call, ccp_str in) {
  self->expires_in_s = 600;
  self->interval_s = 5;
  if (!ccp_json_valid(in) || ccp_json_int(in, "expires_in_s", &self->expires_in_s) == CCP_JSON_BAD ||
      ccp_json_int(in, "interval_s", &self->interval_s) == CCP_JSON_BAD) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_config", "\"expires_in_s\" and \"interval_s\" must be integers.");
  }
  return ccp_answer(call, "{}");
}
static ccp_rc nothing(ccp_instance *self, const ccp_call *call, ccp_str in) {
  (void)self;
  (void)in;
  return ccp_answer(call, "{}");
}
static ccp_rc health(ccp_instance *self, const ccp_call *call, ccp_str in) {
  (void)self;
  (void)in;
  return ccp_answer(call, "{\"status\":\"ok\"}");
}

static const ccp_identity_v1 kIdentity = {sizeof kIdentity, 0, begin, poll, unimplemented, unimplemented, unimplemented, describe};

static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return id != NULL && strcmp(id, CCP_IDENTITY_ID) == 0 ? &kIdentity : NULL;
}

static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C11",
                                   create, configure, nothing, health, nothing, nothing, destroy, extension};

CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
