/* What plugin_calls measures: an operation in plain C that answers a short constant. */
#include <string.h>

#include "ccp/abi/identity.h"

static const char kAnswer[] = "{\"kind\":\"device\"}";
static char g_instance;

static ccp_rc op(ccp_instance *instance, const ccp_call *call, ccp_str in) {
  (void)instance;
  (void)in;
  return call->out->write(call->out, kAnswer, sizeof kAnswer - 1);
}
static ccp_rc create(const ccp_host *host, ccp_str name, ccp_instance **out) {
  (void)host;
  (void)name;
  *out = (ccp_instance *)(void *)&g_instance;
  return CCP_RC_OK;
}
static void destroy(ccp_instance *instance) { (void)instance; }
static const ccp_identity_v1 kIdentity = {sizeof kIdentity, 0, op, op, op, op, op, op};
static const void *extension(const ccp_plugin *self, const char *id) {
  (void)self;
  return strcmp(id, CCP_IDENTITY_ID) == 0 ? &kIdentity : NULL;
}
static const ccp_plugin kPlugin = {CCP_PLUGIN_MAGIC, sizeof kPlugin, CCP_ABI_MAJOR, CCP_ABI_MINOR, 0, CCP_PLUGIN_ID, CCP_PLUGIN_VERSION, "C",
                                   create, op, op, op, op, op, destroy, extension};
CCP_EXPORT const ccp_plugin *ccp_plugin_entry_v1(void) { return &kPlugin; }
