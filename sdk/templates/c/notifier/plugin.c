/* @ID@: tells people what happened, by posting to the incoming webhook of a chat.
 * Operations run on many threads at once: after configure the instance does not change. */
#include <stdlib.h>

#include "ccp/abi/notifier.h"
#include "ccp/c/plugin.h"

struct ccp_instance {
  const ccp_host *host;
  char url[1001], token[201]; /* token: id of a secret, or empty; the host attaches its value */
};

/* Pure: the same event gives the same message; previews call it too. */
static ccp_rc render(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char type[128], subject[256], org[256];
  ccp_str t, s, o;
  ccp_json_writer w = ccp_json_to(call->out);
  (void)self;
  if (!ccp_json_valid(in) || ccp_json_string(in, "/event/type", type, sizeof type, &t) != CCP_JSON_FOUND) {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_event", "\"event\" with its \"type\" is required.");
  }
  ccp_json_put(&w, "{\"message\":{\"title\":");
  ccp_json_put_string(&w, t);
  ccp_json_put(&w, ",\"text\":");
  {
    char memory[1024];
    ccp_buffer text;
    ccp_json_writer line;
    ccp_buffer_init(&text, memory, sizeof memory);
    line = ccp_json_to(&text.sink);
    ccp_json_put_str(&line, t);
    if (ccp_json_string(in, "/event/subject", subject, sizeof subject, &s) == CCP_JSON_FOUND && s.len != 0) {
      ccp_json_put(&line, ": ");
      ccp_json_put_str(&line, s);
    }
    if (ccp_json_string(in, "/event/org", org, sizeof org, &o) == CCP_JSON_FOUND && o.len != 0) {
      ccp_json_put(&line, " (");
      ccp_json_put_str(&line, o);
      ccp_json_put(&line, ")");
    }
    ccp_json_put_string(&w, ccp_buffer_text(&text));
  }
  ccp_json_put(&w, "}}");
  return w.rc;
}

/* The host repeats it with the same idempotency key until it is OK. */
static ccp_rc send(ccp_instance *self, const ccp_call *call, ccp_str in) {
  char *body_memory;
  ccp_buffer body;
  ccp_json_writer w;
  ccp_str text, target;
  ccp_rc rc;
  if (!ccp_json_valid(in) || ccp_json_find(in, "/message/text", &text) != CCP_JSON_FOUND || ccp_json_kind(text) != '"') {
    return ccp_problem(call, CCP_RC_INVALID_ARGUMENT, "bad_message", "\"message\" with its \"text\" is required.");
  }
  body_memory = malloc(in.len + 64);
  if (body_memory == NULL) return CCP_RC_RESOURCE_EXHAUSTED;
  ccp_buffer_init(&body, body_memory, in.len + 64);
  w = ccp_json_to(&body.sink);
  ccp_json_put(&w, "{\"text\":");
  ccp_json_put_str(&w, text); /* a JSON string already */
  if (ccp_json_find(in, "target", &target) == CCP_JSON_FOUND && ccp_json_kind(target) == '"') {
    ccp_json_put(&w, ",\"channel\":");
    ccp_json_put_str(&w, target);
  }
  ccp_json_put(&w, "}");
  rc = w.rc;
  if (rc == CCP_RC_OK) {
    rc = ccp_post(self->host, call, ccp_text(self->url), ccp_text("application/json"), ccp_text(self->token), call->idempotency_key,
                  ccp_buffer_text(&body), NULL);
  }
  free(body_memory);
  return rc == CCP_RC_OK ? ccp_answer(call, "{}") : rc;
}

/* Says whether messages would arrive, without sending one to people. */
static ccp_rc test_connection(ccp_instance *self, const ccp_call *call, ccp_str in) {
  ccp_json_writer w = ccp_json_to(call->out);
  char detail[1100] = "Messages go to ";
  (void)in;
  strncat(detail, self->url, sizeof detail - strlen(detail) - 1);
  ccp_json_put(&w, "{\"ok\":true,\"detail\":");
  ccp_json_put_string(&w, ccp_text(detail));
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

static const ccp_notifier_v1 kNotifier = {sizeof kNotifier, 0, render, send, test_connection};

static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return id != NULL && strcmp(id, CCP_NOTIFIER_ID) == 0 ? &kNotifier : NULL;
}

static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C11",
                                   create, configure, nothing, health, nothing, nothing, destroy, extension};

CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
