/* @ID@: a payment provider behind CCP's contract. This one speaks to a gateway of your own that takes and gives
 * the contract's JSON under POST <base_url>/<operation>; for another provider, translate in ask() and in the
 * operations. It keeps no state, and it reports whole snapshots: the host decides about licenses. */
#include <stdlib.h>

#include "ccp/abi/billing.h"
#include "ccp/c/plugin.h"

#define MAX_ANSWER (1024 * 1024)

struct ccp_instance {
  const ccp_host *host;
  char base_url[1001], api_key[201], webhook_secret[201]; /* ids of secrets; their values stay in the host */
};

/* Asks the gateway and passes its answer on when it is JSON with a text or list `required`. */
static ccp_rc ask(ccp_instance *self, const ccp_call *call, ccp_str in, const char *operation, const char *required) {
  char url_memory[1100], *memory;
  ccp_buffer url, answer;
  ccp_json_writer w;
  ccp_str value;
  ccp_rc rc;
  if (!ccp_json_valid(in)) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_json", "The input is no JSON.");
  ccp_buffer_init(&url, url_memory, sizeof url_memory);
  w = ccp_json_to(&url.sink);
  ccp_json_put(&w, self->base_url);
  ccp_json_put(&w, "/");
  ccp_json_put(&w, operation);
  memory = malloc(MAX_ANSWER);
  if (memory == NULL) return CCP_RC_RESOURCE_EXHAUSTED;
  ccp_buffer_init(&answer, memory, MAX_ANSWER);
  rc = ccp_post(self->host, call, ccp_buffer_text(&url), ccp_text("application/json"), ccp_text(self->api_key), call->idempotency_key, in, &answer);
  if (rc == CCP_RC_OK) {
    if (!ccp_json_valid(ccp_buffer_text(&answer)) || ccp_json_find(ccp_buffer_text(&answer), required, &value) != CCP_JSON_FOUND) {
      rc = ccp_problem(call, CCP_RC_UNAVAILABLE, "provider_error", "The provider's answer is not what the contract asks for.");
    } else {
      w = ccp_json_to(call->out);
      ccp_json_put_str(&w, ccp_buffer_text(&answer));
      rc = w.rc;
    }
  }
  free(memory);
  return rc;
}

static ccp_rc ensure_customer(ccp_instance *self, const ccp_call *call, ccp_str in) { return ask(self, call, in, "ensure_customer", "customer_id"); }
static ccp_rc create_checkout(ccp_instance *self, const ccp_call *call, ccp_str in) { return ask(self, call, in, "create_checkout", "status"); }
static ccp_rc get_checkout(ccp_instance *self, const ccp_call *call, ccp_str in) { return ask(self, call, in, "get_checkout", "status"); }
static ccp_rc get_subscription(ccp_instance *self, const ccp_call *call, ccp_str in) { return ask(self, call, in, "get_subscription", "status"); }
static ccp_rc list_subscriptions(ccp_instance *self, const ccp_call *call, ccp_str in) { return ask(self, call, in, "list_subscriptions", "items"); }

static ccp_rc unimplemented(ccp_instance *self, const ccp_call *call, ccp_str in) {
  (void)self;
  (void)in;
  return ccp_problem(call, CCP_RC_UNIMPLEMENTED, "unimplemented", "This plugin does not provide the operation.");
}

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
static ccp_rc verify_webhook(ccp_instance *self, const ccp_call *call, ccp_str in) {
  const ccp_crypto_v1 *crypto = ccp_service(self->host, CCP_CRYPTO_ID);
  char signature[128], mac_memory[32], expected[71] = "sha256=";
  ccp_buffer mac;
  ccp_str body;
  ccp_rc rc;
  if (crypto == NULL || !CCP_HAS(crypto, hmac_sha256)) return ccp_problem(call, CCP_RC_INTERNAL, "no_crypto", "The host provides no ccp.crypto/1.");
  if (!read_request(in, "body", &body, signature)) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_request", "\"headers\" and \"body\" are required.");
  ccp_buffer_init(&mac, mac_memory, sizeof mac_memory);
  rc = crypto->hmac_sha256(crypto, call, ccp_text(self->webhook_secret), CCP_KEY_RAW, ccp_text(""), body, &mac.sink);
  free((void *)body.ptr);
  if (rc != CCP_RC_OK) return ccp_problem(call, rc, "no_key", "The host made no MAC with the configured secret.");
  ccp_hex(ccp_buffer_text(&mac), expected + 7);
  if (!ccp_same_secret(ccp_bytes(expected, sizeof expected), ccp_text(signature))) {
    return ccp_problem(call, CCP_RC_UNAUTHENTICATED, "signature_invalid", "X-Signature is not the HMAC of the body.");
  }
  return ccp_answer(call, "{}");
}

/* Pure. The body is {"events":[...]} in the contract's own form. */
static ccp_rc parse_webhook(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char signature[128];
  ccp_json_writer w = ccp_json_to(call->out);
  ccp_str body, events;
  int complete;
  (void)self;
  if (!read_request(in, "body", &body, signature)) return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_request", "\"headers\" and \"body\" are required.");
  complete = ccp_json_valid(body) && ccp_json_find(body, "events", &events) == CCP_JSON_FOUND && ccp_json_kind(events) == '[';
  if (complete) {
    ccp_json_put(&w, "{\"events\":");
    ccp_json_put_str(&w, events);
    ccp_json_put(&w, "}");
  }
  free((void *)body.ptr);
  return complete ? w.rc : ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_body", "The webhook holds no list of events.");
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
  ccp_str url, out;
  if (!ccp_json_valid(in) || ccp_json_string(in, "base_url", self->base_url, sizeof self->base_url, &url) != CCP_JSON_FOUND ||
      ccp_json_string(in, "/api_key/$secret", self->api_key, sizeof self->api_key, &out) != CCP_JSON_FOUND ||
      ccp_json_string(in, "/webhook_secret/$secret", self->webhook_secret, sizeof self->webhook_secret, &out) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_config", "\"base_url\", \"api_key\" and \"webhook_secret\" are required.");
  }
  while (url.len > 0 && self->base_url[url.len - 1] == '/') self->base_url[--url.len] = '\0';
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

static const ccp_billing_v1 kBilling = {sizeof kBilling, 0, ensure_customer, create_checkout, get_checkout, unimplemented, get_subscription,
                                          list_subscriptions, unimplemented, unimplemented, unimplemented, unimplemented,
                                          unimplemented, verify_webhook, parse_webhook, unimplemented};

static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return id != NULL && strcmp(id, CCP_BILLING_ID) == 0 ? &kBilling : NULL;
}

static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C11",
                                   create, configure, nothing, health, nothing, nothing, destroy, extension};

CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
