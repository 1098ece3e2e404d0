#include "core/http/ticket.hpp"

#include "core/http/ticket_context.hpp"

namespace ccp::http {

Ticket::Ticket() = default;
Ticket::~Ticket() = default;
Ticket::Ticket(Ticket&&) noexcept = default;
Ticket& Ticket::operator=(Ticket&&) noexcept = default;

}  // namespace ccp::http
