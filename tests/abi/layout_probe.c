/* Prints the layout of every public struct of the plugin ABI and every frozen number, one fact a line.
 * tests/abi/abi_test.cpp compares it with golden/<version>.txt: what a release printed stays true for ever,
 * new lines may follow. Structs have no padding, so the sum of the listed fields proves the list whole. */
#include <stdio.h>

#include "ccp/abi/all.h"

static size_t sum;

#define BEGIN(T) sum = 0
#define FIELD(T, f)                                                                                   \
  do {                                                                                                \
    printf("%s.%s %lu %lu\n", #T, #f, (unsigned long)offsetof(T, f), (unsigned long)sizeof(((T *)0)->f)); \
    sum += sizeof(((T *)0)->f);                                                                       \
  } while (0)
#define END(T)                                                                                      \
  do {                                                                                              \
    if (sum != sizeof(T)) {                                                                         \
      fprintf(stderr, "%s: the probe lists %lu of %lu bytes\n", #T, (unsigned long)sum, (unsigned long)sizeof(T)); \
      return 1;                                                                                     \
    }                                                                                               \
  } while (0)
#define NUMBER(n) printf("%s = %ld\n", #n, (long)(n))
#define TEXT(t) printf("%s = \"%s\"\n", #t, t)

#define SERVICE(T) \
  BEGIN(T);        \
  FIELD(T, size);  \
  FIELD(T, reserved); \
  FIELD(T, ctx)
#define INTERFACE(T) \
  BEGIN(T);          \
  FIELD(T, size);    \
  FIELD(T, reserved)

int main(void) {
  BEGIN(ccp_str); FIELD(ccp_str, ptr); FIELD(ccp_str, len); END(ccp_str);
  BEGIN(ccp_sink); FIELD(ccp_sink, size); FIELD(ccp_sink, reserved); FIELD(ccp_sink, ctx); FIELD(ccp_sink, write); END(ccp_sink);
  BEGIN(ccp_call); FIELD(ccp_call, size); FIELD(ccp_call, flags); FIELD(ccp_call, deadline_mono_ns); FIELD(ccp_call, request_id);
  FIELD(ccp_call, tenant); FIELD(ccp_call, idempotency_key); FIELD(ccp_call, out); FIELD(ccp_call, err); FIELD(ccp_call, is_cancelled); END(ccp_call);
  BEGIN(ccp_host); FIELD(ccp_host, size); FIELD(ccp_host, abi_major); FIELD(ccp_host, abi_minor); FIELD(ccp_host, ctx); FIELD(ccp_host, name);
  FIELD(ccp_host, version); FIELD(ccp_host, service); FIELD(ccp_host, mode); END(ccp_host);
  BEGIN(ccp_plugin); FIELD(ccp_plugin, magic); FIELD(ccp_plugin, size); FIELD(ccp_plugin, abi_major); FIELD(ccp_plugin, abi_minor);
  FIELD(ccp_plugin, reserved); FIELD(ccp_plugin, id); FIELD(ccp_plugin, version); FIELD(ccp_plugin, vendor_abi_note); FIELD(ccp_plugin, create);
  FIELD(ccp_plugin, configure); FIELD(ccp_plugin, start); FIELD(ccp_plugin, health); FIELD(ccp_plugin, drain); FIELD(ccp_plugin, stop);
  FIELD(ccp_plugin, destroy); FIELD(ccp_plugin, extension); END(ccp_plugin);

  SERVICE(ccp_log_v1); FIELD(ccp_log_v1, write); END(ccp_log_v1);
  SERVICE(ccp_clock_v1); FIELD(ccp_clock_v1, wall_us); FIELD(ccp_clock_v1, mono_ns); END(ccp_clock_v1);
  SERVICE(ccp_http_v1); FIELD(ccp_http_v1, send); END(ccp_http_v1);
  SERVICE(ccp_kv_v1); FIELD(ccp_kv_v1, get); FIELD(ccp_kv_v1, put); FIELD(ccp_kv_v1, remove); END(ccp_kv_v1);
  SERVICE(ccp_secrets_v1); FIELD(ccp_secrets_v1, get); END(ccp_secrets_v1);
  SERVICE(ccp_crypto_v1); FIELD(ccp_crypto_v1, hmac_sha256); FIELD(ccp_crypto_v1, ed25519_verify); FIELD(ccp_crypto_v1, sha256);
  FIELD(ccp_crypto_v1, random); FIELD(ccp_crypto_v1, ed25519_sign); FIELD(ccp_crypto_v1, rs256_sign); END(ccp_crypto_v1);
  SERVICE(ccp_metrics_v1); FIELD(ccp_metrics_v1, define); FIELD(ccp_metrics_v1, record); END(ccp_metrics_v1);
  SERVICE(ccp_events_v1); FIELD(ccp_events_v1, append); END(ccp_events_v1);
  SERVICE(ccp_scheduler_v1); FIELD(ccp_scheduler_v1, every); END(ccp_scheduler_v1);

  INTERFACE(ccp_billing_v1); FIELD(ccp_billing_v1, ensure_customer); FIELD(ccp_billing_v1, create_checkout); FIELD(ccp_billing_v1, get_checkout);
  FIELD(ccp_billing_v1, create_portal_link); FIELD(ccp_billing_v1, get_subscription); FIELD(ccp_billing_v1, list_subscriptions);
  FIELD(ccp_billing_v1, change_subscription); FIELD(ccp_billing_v1, report_usage); FIELD(ccp_billing_v1, list_prices); FIELD(ccp_billing_v1, fetch_event);
  FIELD(ccp_billing_v1, diagnose); FIELD(ccp_billing_v1, verify_webhook); FIELD(ccp_billing_v1, parse_webhook); FIELD(ccp_billing_v1, list_events);
  END(ccp_billing_v1);
  INTERFACE(ccp_identity_v1); FIELD(ccp_identity_v1, begin); FIELD(ccp_identity_v1, poll); FIELD(ccp_identity_v1, complete);
  FIELD(ccp_identity_v1, refresh); FIELD(ccp_identity_v1, revoke); FIELD(ccp_identity_v1, describe); END(ccp_identity_v1);
  INTERFACE(ccp_notifier_v1); FIELD(ccp_notifier_v1, render); FIELD(ccp_notifier_v1, send); FIELD(ccp_notifier_v1, test_connection); END(ccp_notifier_v1);
  INTERFACE(ccp_exporter_v1); FIELD(ccp_exporter_v1, open); FIELD(ccp_exporter_v1, write_batch); FIELD(ccp_exporter_v1, flush);
  FIELD(ccp_exporter_v1, close); END(ccp_exporter_v1);
  INTERFACE(ccp_inbound_v1); FIELD(ccp_inbound_v1, verify); FIELD(ccp_inbound_v1, parse); FIELD(ccp_inbound_v1, respond); END(ccp_inbound_v1);

  NUMBER(CCP_ABI_MAJOR); NUMBER(CCP_PLUGIN_MAGIC); TEXT(CCP_ENTRY_SYMBOL);
  NUMBER(CCP_RC_OK); NUMBER(CCP_RC_INVALID_ARGUMENT); NUMBER(CCP_RC_UNAUTHENTICATED); NUMBER(CCP_RC_PERMISSION_DENIED); NUMBER(CCP_RC_NOT_FOUND);
  NUMBER(CCP_RC_CONFLICT); NUMBER(CCP_RC_RATE_LIMITED); NUMBER(CCP_RC_RESOURCE_EXHAUSTED); NUMBER(CCP_RC_UNAVAILABLE);
  NUMBER(CCP_RC_DEADLINE_EXCEEDED); NUMBER(CCP_RC_CANCELLED); NUMBER(CCP_RC_UNIMPLEMENTED); NUMBER(CCP_RC_INTERNAL); NUMBER(CCP_RC_DATA_LOSS);
  NUMBER(CCP_LOG_DEBUG); NUMBER(CCP_LOG_INFO); NUMBER(CCP_LOG_WARN); NUMBER(CCP_LOG_ERROR);
  NUMBER(CCP_KV_ANY_VERSION); NUMBER(CCP_KV_MUST_NOT_EXIST); NUMBER(CCP_KEY_RAW); NUMBER(CCP_KEY_BASE64_AFTER_PREFIX);
  NUMBER(CCP_KEY_BASE64URL_AFTER_PREFIX);
  NUMBER(CCP_METRIC_COUNTER); NUMBER(CCP_METRIC_GAUGE); NUMBER(CCP_METRIC_HISTOGRAM);
  TEXT(CCP_LOG_ID); TEXT(CCP_CLOCK_ID); TEXT(CCP_HTTP_ID); TEXT(CCP_KV_ID); TEXT(CCP_SECRETS_ID); TEXT(CCP_CRYPTO_ID); TEXT(CCP_METRICS_ID);
  TEXT(CCP_EVENTS_ID); TEXT(CCP_SCHEDULER_ID); TEXT(CCP_BILLING_ID); TEXT(CCP_IDENTITY_ID); TEXT(CCP_NOTIFIER_ID); TEXT(CCP_EXPORTER_ID);
  TEXT(CCP_INBOUND_ID);
  return 0;
}
