// The records of the streams: what becomes of a domain event, of an accepted rollup, of a decision. Pure.
#pragma once

#include <string>

#include "core/base/json.hpp"
#include "core/base/time.hpp"
#include "core/db/outbox.hpp"
#include "core/decisions/service.hpp"
#include "core/usage/service.hpp"

namespace ccp::exports {

/// One record on its way into the queue.
struct NewRecord {
  std::string org;
  std::string id;
  std::string type;
  std::string subject;
  Timestamp occurred_at;
  Json data;
};

NewRecord recordOf(const db::OutboxEvent& event);
/// Id "<rollup>.<revision>": a block that is replaced is a record of its own.
NewRecord recordOf(const usage::AcceptedRollup& rollup);
/// The subject is the chain, so that records go out in its order.
NewRecord recordOf(const decisions::LoggedDecision& decision);

}  // namespace ccp::exports
