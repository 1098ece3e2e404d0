/* ccp/abi/exporter.h - "ccp.exporter/1": streams records to another system. The host owns the
 * cursor and repeats what was not acknowledged. */
#ifndef CCP_ABI_EXPORTER_H
#define CCP_ABI_EXPORTER_H

#include "plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CCP_EXPORTER_ID "ccp.exporter/1"

/* Append only. JSON of every operation: sdk/schemas/ccp.exporter/<operation>.{in,out}.json. */
typedef struct ccp_exporter_v1 {
  uint32_t size;
  uint32_t reserved;
  /* Prepares one stream. [concurrent] */
  ccp_op open;
  /* Writes records in order and returns the last acknowledged sequence. One at a time per
   * stream. [concurrent] */
  ccp_op write_batch;
  /* Everything acknowledged so far is durable on the other side. [concurrent] */
  ccp_op flush;
  /* Ends the stream. [concurrent] */
  ccp_op close;
} ccp_exporter_v1;

#ifdef __cplusplus
}
#endif
#endif
