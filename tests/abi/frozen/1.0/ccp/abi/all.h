/* ccp/abi/all.h - the whole ABI, at once. */
#ifndef CCP_ABI_ALL_H
#define CCP_ABI_ALL_H

#include "billing.h"
#include "exporter.h"
#include "host.h"
#include "identity.h"
#include "inbound.h"
#include "notifier.h"

#endif
