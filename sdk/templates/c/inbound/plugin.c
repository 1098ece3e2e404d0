/* @ID@: turns signed requests of another system into commands. Its requests look like this:
 *   X-Signature: sha256=<hex HMAC-SHA-256 of the body>
 *   {"id":"d1","command":"seat.assign","user":"U1","team":"T1","args":{...}} */
#include <stdlib.h>

#include "ccp/abi/inbound.h"
#include "ccp/c/plugin.h"

struct ccp_instance {
  const ccp_host *host;
  char secret[201]; /* id of the secret that signs */
};

/* The raw body and the header X-Signature of a request; body is to be freed. 0 when the input is none. */
static int read_request(ccp_str in, const char *body_name, ccp_str *body, char signature[128]) {
  ccp_str encoded, headers, pair, name, value;
  size_t cursor = 0, len = 0;
  char name_memory[64], *text, *memory;
  body->ptr = NULL;
  signature[0] = '\0';
  if (!ccp_json_valid(in) || ccp_json_find(in, "headers", &headers) != CCP_JSON_FOUND || ccp_json_find(in, body_name, &encoded) != CCP_JSON_FOUND) return 0;
  while (ccp_json_next(headers, &cursor, &pair) == CCP_JSON_FOUND) {
    size_t i;
    if (ccp_json_string(pair, "/0", name_memory, sizeof name_memory, &name) != CCP_JSON_FOUND) continue; /* too long to be ours */
    for (i = 0; i < name.len; ++i) name_memory[i] = (char)(name_memory[i] >= 'A' && name_memory[i] <= 'Z' ? name_memory[i] + 32 : name_memory[i]);
    if (ccp_is(name, "x-signature")) (void)ccp_json_string(pair, "/1", signature, 128, &value);
  }
  text = malloc(2 * encoded.len + 2);
  if (text == NULL) return 0;
  memory = text + encoded.len + 1;
  if (ccp_json_string(encoded, "", text, encoded.len + 1, &value) != CCP_JSON_FOUND || !ccp_base64url(value, memory, encoded.len + 1, &len)) {
    free(text);
    return 0;
  }
  memmove(text, memory, len);
  *body = ccp_bytes(text, len);
  return 1;
}

/* Only then is anything of the request believed. The key stays in the host. */
static ccp_rc verify(ccp_instance *self, const ccp_call *call, ccp_str in) {
  const ccp_crypto_v1 *crypto = ccp_service(self->host, CCP_CRYPTO_ID);
  char signature[128], mac_memory[32], expected[71] = "sha256=";
  ccp_buffer mac;
  ccp_str body;
  ccp_rc rc;
  if (crypto == NULL || !CCP_HAS(crypto, hmac_sha256)) return ccp_problem(call, CCP_RC_INTERNAL, "no_crypto", "The host provides no ccp.crypto/1.");
  if (!read_request(in, "body_base64url", &body, signature)) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_request", "\"headers\" and \"body_base64url\" are required.");
  ccp_buffer_init(&mac, mac_memory, sizeof mac_memory);
  rc = crypto->hmac_sha256(crypto, call, ccp_text(self->secret), CCP_KEY_RAW, ccp_text(""), body, &mac.sink);
  free((void *)body.ptr);
  if (rc != CCP_RC_OK) return ccp_problem(call, rc, "no_key", "The host made no MAC with the configured secret.");
  ccp_hex(ccp_buffer_text(&mac), expected + 7);
  if (!ccp_same_secret(ccp_bytes(expected, sizeof expected), ccp_text(signature))) {
    return ccp_problem(call, CCP_RC_UNAUTHENTICATED, "signature_invalid", "X-Signature is not the HMAC of the body.");
  }
  return ccp_answer(call, "{}");
}

/* One JSON value of the body under another name: 0 when it is not there or of another kind. */
static int copy(ccp_json_writer *w, const char *prefix, ccp_str body, const char *name, char kind) {
  ccp_str value;
  if (ccp_json_find(body, name, &value) != CCP_JSON_FOUND || ccp_json_kind(value) != kind) return 0;
  ccp_json_put(w, prefix);
  ccp_json_put_str(w, value);
  return 1;
}

static ccp_rc parse(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char signature[128], *memory;
  ccp_buffer command;
  ccp_json_writer w;
  ccp_str body;
  int complete;
  (void)self;
  if (!read_request(in, "body_base64url", &body, signature)) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_request", "\"headers\" and \"body_base64url\" are required.");
  memory = malloc(body.len + 256);
  if (memory == NULL) {
    free((void *)body.ptr);
    return CCP_RC_RESOURCE_EXHAUSTED;
  }
  ccp_buffer_init(&command, memory, body.len + 256);
  w = ccp_json_to(&command.sink);
  ccp_json_put(&w, "{\"commands\":[{");
  complete = ccp_json_valid(body) && copy(&w, "\"id\":", body, "id", '"') && copy(&w, ",\"kind\":", body, "command", '"') &&
             copy(&w, ",\"actor\":", body, "user", '"');
  if (complete) {
    (void)copy(&w, ",\"org_hint\":", body, "team", '"');
    if (!copy(&w, ",\"args\":", body, "args", '{')) ccp_json_put(&w, ",\"args\":{}");
    ccp_json_put(&w, "}],\"reply\":{\"status\":202}}");
  }
  free((void *)body.ptr);
  if (complete && w.rc == CCP_RC_OK) {
    w = ccp_json_to(call->out);
    ccp_json_put_str(&w, ccp_buffer_text(&command));
  }
  free(memory);
  if (!complete) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_body", "The body must be JSON with \"id\", \"command\" and \"user\".");
  return w.rc;
}

/* Where the outcome of a command goes; this system does not ask for it. */
static ccp_rc respond(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char memory[32];
  ccp_str status;
  if (!ccp_json_valid(in) || ccp_json_string(in, "/outcome/status", memory, sizeof memory, &status) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_outcome", "\"outcome\" with its \"status\" is required.");
  }
  ccp_log(self->host, CCP_LOG_INFO, "command_answered", "{}");
  return ccp_answer(call, "{}");
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
  ccp_str out;
  if (!ccp_json_valid(in) || ccp_json_string(in, "/secret/$secret", self->secret, sizeof self->secret, &out) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_config", "\"secret\" must be a secret reference.");
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

static const ccp_inbound_v1 kInbound = {sizeof kInbound, 0, verify, parse, respond};

static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return id != NULL && strcmp(id, CCP_INBOUND_ID) == 0 ? &kInbound : NULL;
}

static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C11",
                                   create, configure, nothing, health, nothing, nothing, destroy, extension};

CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
