// The SQL of decisions: log, chains, kept inputs, keys of organizations. Every function runs inside the
// caller's unit of work. Stateless; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/decisions/rules.hpp"
#include "core/decisions/service.hpp"

namespace ccp::decisions {

struct SealedInput {
  std::string org;
  std::string id;  ///< of the decision
  Timestamp decided_at;
  std::string sealed;
};
/// A logged decision with what the replay store has of it; `sealed` is empty when it has nothing.
struct WithInput {
  LoggedDecision decision;
  std::string sealed;
};

namespace repository {

void insertDecisions(db::Tx& tx, const std::vector<LoggedDecision>& decisions);
void insertInputs(db::Tx& tx, const std::vector<SealedInput>& inputs);
bool exists(db::Tx& tx, const std::string& org, const std::string& id);

std::optional<ChainHead> head(db::Tx& tx, const std::string& org, const std::string& node);
/// `swept` counts for a chain that is not there yet, or not any more.
void putHead(db::Tx& tx, const ChainHead& head);
/// Chains of an organization, or of all with `everyone`, after (org, node), in their order.
std::vector<ChainHead> heads(db::Tx& tx, const std::optional<std::string>& org, const std::string& after_org, const std::string& after_node, int limit);
std::vector<LoggedDecision> chain(db::Tx& tx, const ChainHead& head, std::int64_t after_sequence, int limit);

/// Newest first. `org`: empty optional for every organization's.
std::vector<LoggedDecision> list(db::Tx& tx, const std::optional<std::string>& org, const Filter& filter);
std::optional<WithInput> byId(db::Tx& tx, const std::optional<std::string>& org, const std::string& id);
/// As Decisions::past(); ids below `before` when it is not empty.
std::vector<WithInput> past(db::Tx& tx, const PastQuery& query, const std::string& before);

std::optional<std::string> orgKey(db::Tx& tx, const std::string& org);
void putOrgKey(db::Tx& tx, const std::string& org, const std::string& sealed);

/// Forgets records written before `before`, at most about `limit` of them; returns how many.
std::int64_t sweepDecisions(db::Tx& tx, Timestamp before, int limit);
std::int64_t sweepInputs(db::Tx& tx, Timestamp before, int limit);

}  // namespace repository
}  // namespace ccp::decisions
