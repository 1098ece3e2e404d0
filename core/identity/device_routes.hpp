// /device, where a person approves a device, and /v1/devices, where programs list and revoke them.
#pragma once

#include "core/http/router.hpp"
#include "core/identity/device_grants.hpp"
#include "core/identity/devices.hpp"
#include "core/identity/sessions.hpp"

namespace ccp::identity {

/// The references must outlive the router.
void addDeviceRoutes(http::Router& router, DeviceGrants& grants, Devices& devices, Sessions& sessions);

}  // namespace ccp::identity
