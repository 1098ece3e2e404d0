// The SQL of the usage feature. Every function runs inside the caller's unit of work, which is
// scoped to the org. Stateless; any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/db/db.hpp"
#include "core/usage/rules.hpp"

namespace ccp::usage {

/// Who a request's blocks belong to.
struct Source {
  std::string org;
  std::string id;    ///< dev_… or key_…
  std::string seat;  ///< empty for an API key
};

/// What identifies a block within its source.
struct BlockKey {
  Timestamp start_at;
  Period period = Period::hour;
  std::string model;
  std::string lane;
  auto operator<=>(const BlockKey&) const = default;
};
BlockKey keyOf(const Block& block);

struct StoredBlock {
  std::string id;  ///< empty for a block that this unit of work inserts
  Stored content;
};

struct NewBlock {
  std::string id;
  const Block* block = nullptr;
  std::string digest;
};

/// A block as it is stored.
struct AcceptedRollup {
  std::string id;  ///< rol_…
  Source source;
  Block block;
  Timestamp received_at;
};

struct ModelSums {
  std::string model;
  std::string lane;
  Counters counters;
};
struct BucketSums {
  Timestamp start_at;
  std::string model;
  Counters counters;
};
struct SeatSums {
  std::string seat;  ///< empty: API keys
  Counters counters;
};
struct StoredSketch {
  std::string model;
  std::string lane;
  std::string json;
};

namespace repository {

/// Makes or touches the source's row and keeps it locked until the unit of work ends.
void lockSource(db::Tx& tx, const Source& source);
std::map<BlockKey, StoredBlock> storedBlocks(db::Tx& tx, const Source& source, const DayRange& range);
void insertBlocks(db::Tx& tx, const Source& source, const std::vector<NewBlock>& blocks);
void replaceBlock(db::Tx& tx, const Source& source, const std::string& id, const Block& block, const std::string& digest);

/// The blocks that the source sent at `at` and that nothing newer has replaced since.
Result<std::vector<AcceptedRollup>> receivedAt(db::Tx& tx, const Source& source, const DayRange& range, Timestamp at);

std::vector<ModelSums> sumsByModel(db::Tx& tx, const std::string& org, const Window& window);
std::vector<BucketSums> sumsByBucket(db::Tx& tx, const std::string& org, const Window& window);
std::vector<SeatSums> sumsBySeat(db::Tx& tx, const std::string& org, const Window& window);
std::vector<StoredSketch> sketches(db::Tx& tx, const std::string& org, const Window& window);
/// Blocks of whole days in the window: a chart of hours shows them at midnight.
std::int64_t dayBlocks(db::Tx& tx, const std::string& org, const Window& window);
/// End of the newest block of the org.
std::optional<Timestamp> latestEnd(db::Tx& tx, const std::string& org);

}  // namespace repository
}  // namespace ccp::usage
