/* One exported object of every public type of the plugin ABI, so that DWARF describes them all. The gate
 * (gate.cpp) compares a library of this file, built from the headers as they are now, with the description
 * that a release left in golden/<version>.abi. Nothing runs it. */
#include "ccp/abi/all.h"

#define PROBE(T) CCP_EXPORT extern T probe_##T; T probe_##T

PROBE(ccp_str);
PROBE(ccp_sink);
PROBE(ccp_call);
PROBE(ccp_host);
PROBE(ccp_plugin);
PROBE(ccp_rc);
PROBE(ccp_op);
PROBE(ccp_plugin_entry_fn);

PROBE(ccp_log_v1);
PROBE(ccp_clock_v1);
PROBE(ccp_http_v1);
PROBE(ccp_kv_v1);
PROBE(ccp_secrets_v1);
PROBE(ccp_crypto_v1);
PROBE(ccp_metrics_v1);
PROBE(ccp_events_v1);
PROBE(ccp_scheduler_v1);

PROBE(ccp_billing_v1);
PROBE(ccp_identity_v1);
PROBE(ccp_notifier_v1);
PROBE(ccp_exporter_v1);
PROBE(ccp_inbound_v1);

const ccp_plugin *ccp_plugin_entry_v1(void) { return 0; }
