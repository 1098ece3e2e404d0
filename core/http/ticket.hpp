// A request that was let in and waits for its body, its answer, or a bell. Dropping it is legal at
// any time: the client went away. Belongs to one thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <variant>

#include "core/http/message.hpp"

namespace ccp::http {

struct Route;

class Ticket {
 public:
  Ticket();
  ~Ticket();
  Ticket(Ticket&&) noexcept;
  Ticket& operator=(Ticket&&) noexcept;

  const Route* route = nullptr;
  std::size_t max_body = 0;  ///< bytes; more is `body_too_large`
  bool on_loop = false;      ///< try Pipeline::handleOnLoop() before a worker

 private:
  friend class Pipeline;
  struct Context;  // ticket_context.hpp
  std::unique_ptr<Context> context_;
};

/// A request is let in, or has its answer at once.
using Admission = std::variant<Ticket, Response>;

}  // namespace ccp::http
