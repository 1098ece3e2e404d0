/* example.jsonlines: streams records as JSON Lines to a collector, one POST per batch.
 *
 *   POST <url>   Content-Type: application/x-ndjson   Idempotency-Key: events-17-42
 *   {"sequence":17,...}
 *   {"sequence":18,...}
 *
 * Any 2xx takes the batch; a body {"last_sequence":n} says that it took the records up to n only. The host owns
 * the cursor and repeats what was not acknowledged with the same key, so a collector that remembers keys (or the
 * ids of records) stores each record once. The plugin keeps no state but a count of failures, for health. */
#include <stdatomic.h>
#include <stdlib.h>

#include "ccp/abi/exporter.h"
#include "ccp/c/plugin.h"

#define FAILURES_UNTIL_DEGRADED 3

struct ccp_instance {
  const ccp_host *host;
  char url[1001], token[201]; /* token: id of a secret, or empty; the host attaches its value */
  atomic_int failures;        /* in a row; operations run on several threads */
};

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

/* One line per record. 0: `records` is no list, or the lines do not fit. */
static int put_lines(ccp_buffer *lines, ccp_str records) {
  ccp_json_writer w = ccp_json_to(&lines->sink);
  ccp_str record;
  size_t cursor = 0, i;
  int found;
  while ((found = ccp_json_next(records, &cursor, &record)) == CCP_JSON_FOUND) {
    const size_t begin = lines->len;
    ccp_json_put_str(&w, record);
    /* JSON has raw line breaks between tokens only, where a space is as good. */
    for (i = begin; i < lines->len; ++i) {
      if (lines->ptr[i] == '\n' || lines->ptr[i] == '\r') lines->ptr[i] = ' ';
    }
    ccp_json_put(&w, "\n");
  }
  return found == CCP_JSON_ABSENT && w.rc == CCP_RC_OK;
}

/* "events-17-42" */
static ccp_str batch_key(ccp_buffer *key, ccp_str stream, int64_t first, int64_t last) {
  ccp_json_writer w = ccp_json_to(&key->sink);
  ccp_json_put_str(&w, stream);
  ccp_json_put(&w, "-");
  ccp_json_put_int(&w, first);
  ccp_json_put(&w, "-");
  ccp_json_put_int(&w, last);
  return ccp_buffer_text(key);
}

static ccp_rc write_batch(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char stream_memory[64], key_memory[128], answer_memory[4096], *lines_memory;
  ccp_buffer key, lines, answer;
  ccp_json_writer w;
  ccp_str stream, records;
  int64_t first, last, taken;
  ccp_rc rc;
  if (!ccp_json_valid(in) || ccp_json_string(in, "stream", stream_memory, sizeof stream_memory, &stream) != CCP_JSON_FOUND ||
      ccp_json_int(in, "first_sequence", &first) != CCP_JSON_FOUND || ccp_json_int(in, "last_sequence", &last) != CCP_JSON_FOUND || first > last ||
      ccp_json_find(in, "records", &records) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_batch", "\"stream\", \"first_sequence\", \"last_sequence\" and \"records\" are required.");
  }
  lines_memory = malloc(in.len + 1);
  if (lines_memory == NULL) return CCP_RC_RESOURCE_EXHAUSTED;
  ccp_buffer_init(&lines, lines_memory, in.len + 1);
  ccp_buffer_init(&key, key_memory, sizeof key_memory);
  ccp_buffer_init(&answer, answer_memory, sizeof answer_memory);
  if (!put_lines(&lines, records)) {
    free(lines_memory);
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_batch", "\"records\" must be a list.");
  }
  rc = ccp_post(self->host, call, ccp_text(self->url), ccp_text("application/x-ndjson"), ccp_text(self->token), batch_key(&key, stream, first, last),
                ccp_buffer_text(&lines), &answer);
  free(lines_memory);
  if (rc != CCP_RC_OK) {
    if (atomic_fetch_add(&self->failures, 1) + 1 == FAILURES_UNTIL_DEGRADED) ccp_log(self->host, CCP_LOG_WARN, "collector_failing", "{}");
    return rc;
  }
  atomic_store(&self->failures, 0);
  if (ccp_json_int(ccp_buffer_text(&answer), "last_sequence", &taken) == CCP_JSON_FOUND) {
    if (taken < first - 1 || taken > last) {
      return ccp_problem(call, CCP_RC_UNAVAILABLE, "provider_error", "The collector acknowledged records that were not sent.");
    }
    last = taken;
  }
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
  atomic_init(&self->failures, 0);
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
  (void)in;
  if (atomic_load(&self->failures) < FAILURES_UNTIL_DEGRADED) return ccp_answer(call, "{\"status\":\"ok\"}");
  return ccp_answer(call, "{\"status\":\"degraded\",\"detail\":\"The collector refuses batches.\"}");
}

/* Nothing is kept back, so there is nothing to flush. */
static const ccp_exporter_v1 kExporter = {sizeof kExporter, 0, open_stream, write_batch, nothing, nothing};

static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return id != NULL && strcmp(id, CCP_EXPORTER_ID) == 0 ? &kExporter : NULL;
}

static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C11",
                                   create, configure, nothing, health, nothing, nothing, destroy, extension};

CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
