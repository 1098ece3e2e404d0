// SQL of metered hours. Every call runs inside the caller's unit of work.
#pragma once

#include <optional>
#include <vector>

#include "core/db/db.hpp"
#include "core/metering/rules.hpp"

namespace ccp::metering {

struct Waiting {
  std::int64_t hours = 0;
  std::int64_t failing = 0;  ///< refused at least once
};

class Repository {
 public:
  std::optional<Hour> find(db::Tx& tx, const std::string& org, const std::string& meter,
                           Timestamp hour_at);
  void add(db::Tx& tx, const Hour& hour);
  /// What was used, as it stands now; the provider is told with the next round.
  void setUsed(db::Tx& tx, const Hour& hour);
  /// Hours that are to be reported and due, longest waiting first.
  std::vector<Hour> due(db::Tx& tx, Timestamp now, int limit);
  /// Writes down the report and takes the hour's turn; false when another node was faster.
  bool claim(db::Tx& tx, const Hour& hour, Timestamp seen, Timestamp until);
  void settle(db::Tx& tx, const Hour& hour);
  Waiting waiting(db::Tx& tx);
};

}  // namespace ccp::metering
