// /v1/org/seats and /v1/org/members for programs, /invite/{code} for people who claim a seat.
#pragma once

#include "core/http/router.hpp"
#include "core/identity/members.hpp"
#include "core/identity/seats.hpp"
#include "core/identity/sessions.hpp"

namespace ccp::identity {

/// The references must outlive the router.
void addSeatRoutes(http::Router& router, Seats& seats, Members& members, Sessions& sessions);

}  // namespace ccp::identity
