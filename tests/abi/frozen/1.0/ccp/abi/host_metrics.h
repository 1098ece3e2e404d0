/* ccp/abi/host_metrics.h - "ccp.metrics/1": counters, gauges and histograms. The host prefixes names
 * with ccp_plugin_ and adds the labels plugin and instance. */
#ifndef CCP_ABI_HOST_METRICS_H
#define CCP_ABI_HOST_METRICS_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_METRICS_ID "ccp.metrics/1"
#define CCP_METRIC_COUNTER 0
#define CCP_METRIC_GAUGE 1
#define CCP_METRIC_HISTOGRAM 2

typedef struct ccp_metrics_v1 {
  uint32_t size;
  uint32_t reserved;
  void *ctx;
  /* Registers a metric: `name` is [a-z][a-z0-9_]{0,63}; `labels_json` lists the label names that
   * record may use, at most 4, or is empty. `*handle` is for record. At most 64 metrics per instance
   * (RESOURCE_EXHAUSTED). [any] */
  ccp_rc (*define)(const struct ccp_metrics_v1 *self, int32_t kind, ccp_str name, ccp_str help,
                   ccp_str labels_json, uint32_t *handle);
  /* Adds to a counter, sets a gauge, observes in a histogram. `labels_json`: {"name":"value"} of the
   * defined names, or empty. Unknown handles and labels are ignored and counted. [any] */
  void (*record)(const struct ccp_metrics_v1 *self, uint32_t handle, double value,
                 ccp_str labels_json);
} ccp_metrics_v1;

#ifdef __cplusplus
}
#endif
#endif
