// The SQL of policy sets. Every function runs inside the caller's unit of work: in the scope of the
// organization whose set it is, in system scope for the operator's. Stateless; any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::policies {

struct RootRow {
  std::int64_t version = 0;
  std::string sha256;
  std::string envelope;
  Timestamp created_at;
  std::string created_by;
};

struct ChannelRow {
  std::string set;
  policy::Channel channel = policy::Channel::dev;
  std::int64_t version = 0;
  std::string sha256;
  std::string envelope;
  std::string listed;
  std::string deed;
  std::string reason;
  std::string created_by;
  Timestamp expires_at;
  Timestamp created_at;
  std::int64_t revision = 0;
};

struct PackRow {
  std::string sha256;
  std::string name;
  std::int64_t version = 0;
  std::int64_t size = 0;
  std::string envelope;
  Timestamp created_at;
  std::string created_by;
};

/// A newest channel version, without its text.
struct Head {
  std::string set;
  policy::Channel channel = policy::Channel::dev;
  std::int64_t version = 0;
  std::string sha256;
  std::int64_t revision = 0;
};

/// A set whose newest document runs out.
struct Expiring {
  std::string set;
  Timestamp expires_at;
};

struct ReportRow {
  std::string client;
  std::string set;
  std::string channel;
  std::int64_t version = 0;
  std::string sha256;
  std::string state;
  std::string report;
  Timestamp reported_at;
};

namespace repository {

/// The scope in which a set's rows are read and written.
db::Scope scopeOf(const std::string& set);

// Roots
std::vector<RootRow> roots(db::Tx& tx, const std::string& set);
std::optional<RootRow> root(db::Tx& tx, const std::string& set, std::int64_t version);
/// False when there is one of this version.
bool addRoot(db::Tx& tx, const std::string& set, const RootRow& row);

// Channels
std::optional<ChannelRow> newest(db::Tx& tx, const std::string& set, policy::Channel channel);
std::optional<ChannelRow> version(db::Tx& tx, const std::string& set, policy::Channel channel, std::int64_t version);
/// The newest version below `below` that lists other packs than `listed`.
std::optional<ChannelRow> newestWithOther(db::Tx& tx, const std::string& set, policy::Channel channel, std::int64_t below,
                                          const std::string& listed);
/// Was a version that lists these packs followed by a withdrawal?
bool wasWithdrawn(db::Tx& tx, const std::string& set, policy::Channel channel, const std::string& listed);
/// Newest first.
std::vector<ChannelRow> history(db::Tx& tx, const std::string& set, policy::Channel channel, int limit);
/// False when there is one of this version: somebody else was first. Gives the row its revision.
bool addChannel(db::Tx& tx, const ChannelRow& row);

/// Heads of every set of the channel that changed after `revision`; system scope, for the node's refresher.
std::vector<Head> headsAfter(db::Tx& tx, policy::Channel channel, std::int64_t revision);
std::optional<Head> head(db::Tx& tx, const std::string& set, policy::Channel channel);
/// Rises with every publication; any scope.
std::int64_t revision(db::Tx& tx);
/// Newest documents that expire before, the first ones first, those behind `after`; system scope.
std::vector<Expiring> expiring(db::Tx& tx, policy::Channel channel, Timestamp before, const std::optional<Expiring>& after, int limit);

/// Renewals that ran out before and were followed by others; how many went. System scope.
std::int64_t sweepRenewals(db::Tx& tx, policy::Channel channel, Timestamp before, int limit);

// Packs
std::optional<PackRow> pack(db::Tx& tx, const std::string& set, const std::string& sha256);
std::optional<PackRow> packByVersion(db::Tx& tx, const std::string& set, const std::string& name, std::int64_t version);
/// Highest version of this name that was ever stored; 0: none.
std::int64_t highestPack(db::Tx& tx, const std::string& set, const std::string& name);
void addPack(db::Tx& tx, const std::string& set, const PackRow& row);
void setEnvelope(db::Tx& tx, const std::string& set, const std::string& sha256, const std::string& envelope);

// Reports of clients
inline constexpr int kMaxReports = 1000;
void putReport(db::Tx& tx, const std::string& org, const ReportRow& row);
std::vector<ReportRow> reports(db::Tx& tx, const std::string& org, int limit);

}  // namespace repository
}  // namespace ccp::policies
