/* @ID@: streams records to a collector, one POST per batch. The host owns the cursor and repeats what was not
 * acknowledged; the Idempotency-Key is the stream with its last sequence, so that the collector can tell. */
#include <stdlib.h>

#include "ccp/abi/exporter.h"
#include "ccp/c/plugin.h"

struct ccp_instance {
  const ccp_host *host;
  char url[1001], token[201]; /* token: id of a secret, or empty; the host attaches its value */
};

/* Comes before a run of batches, and again after failures. */
static ccp_rc open_stream(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char memory[64];
  ccp_str stream;
  (void)self;
  if (!ccp_json_valid(in) || ccp_json_string(in, "stream", memory, sizeof memory, &stream) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_stream", "\"stream\" must be a text.");
  }
  if (!ccp_is(stream, "events") && !ccp_is(stream, "rollups")) {
    return ccp_problem(call, CCP_RC_UNIMPLEMENTED, "unknown_stream", "This exporter takes events and rollups.");
  }
  return ccp_answer(call, "{}");
}

/* Acknowledges the whole batch, or nothing of it. The records travel as they came. */
static ccp_rc write_batch(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char stream_memory[64], key_memory[96], *body_memory;
  ccp_buffer key, body;
  ccp_json_writer w;
  ccp_str stream, records;
  int64_t last;
  ccp_rc rc;
  if (!ccp_json_valid(in) || ccp_json_string(in, "stream", stream_memory, sizeof stream_memory, &stream) != CCP_JSON_FOUND ||
      ccp_json_int(in, "last_sequence", &last) != CCP_JSON_FOUND || ccp_json_find(in, "records", &records) != CCP_JSON_FOUND ||
      ccp_json_kind(records) != '[') {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_batch", "\"stream\", \"last_sequence\" and a list of \"records\" are required.");
  }
  ccp_buffer_init(&key, key_memory, sizeof key_memory);
  w = ccp_json_to(&key.sink);
  ccp_json_put_str(&w, stream);
  ccp_json_put(&w, "-");
  ccp_json_put_int(&w, last);
  body_memory = malloc(in.len + 512);
  if (body_memory == NULL) return CCP_RC_RESOURCE_EXHAUSTED;
  ccp_buffer_init(&body, body_memory, in.len + 512);
  w = ccp_json_to(&body.sink);
  ccp_json_put(&w, "{\"stream\":");
  ccp_json_put_string(&w, stream);
  ccp_json_put(&w, ",\"records\":");
  ccp_json_put_str(&w, records);
  ccp_json_put(&w, "}");
  rc = w.rc;
  if (rc == CCP_RC_OK) {
    rc = ccp_post(self->host, call, ccp_text(self->url), ccp_text("application/json"), ccp_text(self->token), ccp_buffer_text(&key),
                  ccp_buffer_text(&body), NULL);
  }
  free(body_memory);
  if (rc != CCP_RC_OK) return rc;
  w = ccp_json_to(call->out);
  ccp_json_put(&w, "{\"last_sequence\":");
  ccp_json_put_int(&w, last);
  ccp_json_put(&w, "}");
  return w.rc;
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
  if (!ccp_json_valid(in) || ccp_json_string(in, "url", self->url, sizeof self->url, &out) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_config", "\"url\" must be a text of at most 1000 bytes.");
  }
  if (ccp_json_string(in, "/token/$secret", self->token, sizeof self->token, &out) == CCP_JSON_BAD) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_config", "\"token\" must be a secret reference.");
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

static const ccp_exporter_v1 kExporter = {sizeof kExporter, 0, open_stream, write_batch, nothing, nothing};

static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return id != NULL && strcmp(id, CCP_EXPORTER_ID) == 0 ? &kExporter : NULL;
}

static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C11",
                                   create, configure, nothing, health, nothing, nothing, destroy, extension};

CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
