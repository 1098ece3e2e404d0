// What the pipeline knows of a request while it is answered; everything for log, metrics and error
// pages. For pipeline.cpp and ticket.cpp.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/metrics.hpp"
#include "core/http/head_parser.hpp"
#include "core/http/ticket.hpp"

namespace ccp::http {

struct Ticket::Context {
  explicit Context(Gauge& gauge) : in_flight(gauge) { in_flight.add(1); }
  ~Context() { in_flight.add(-1); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  Head head;
  const Route* route = nullptr;
  std::size_t max_body = 0;
  std::uint64_t started_ns = 0;
  std::string allow;
  std::size_t body_bytes = 0;  ///< as it came; the body itself may be gone before the answer
  bool from_memory = false;  ///< answered on the loop: every microsecond counts
  Gauge& in_flight;
  Request& request() noexcept { return head.request; }
  const Request& request() const noexcept { return head.request; }
};

}  // namespace ccp::http
