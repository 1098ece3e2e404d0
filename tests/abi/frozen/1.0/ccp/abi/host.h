/* ccp/abi/host.h - every service of the host, at once. */
#ifndef CCP_ABI_HOST_H
#define CCP_ABI_HOST_H

#include "host_clock.h"
#include "host_crypto.h"
#include "host_events.h"
#include "host_http.h"
#include "host_kv.h"
#include "host_log.h"
#include "host_metrics.h"
#include "host_scheduler.h"
#include "host_secrets.h"

#endif
