// What operators may ask of exports. Threads: thread-safe.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/exports/repository.hpp"

namespace ccp::exports {

struct LaneReport {
  LaneStatus status;
  bool configured = false;  ///< this node has such an exporter instance
};

class Exports {
 public:
  virtual ~Exports() = default;
  virtual Result<std::vector<LaneReport>> list() = 0;
  /// Due at once; a stream that was disabled is sent again. `not_found`. Audited.
  virtual Result<LaneReport> retry(const Lane& lane, const std::string& actor) = 0;
  /// Drops what is queued; forgets the lane when no exporter of this node has it. Returns how many
  /// records were dropped. `not_found`. Audited with the reason.
  virtual Result<std::int64_t> discard(const Lane& lane, const std::string& reason, const std::string& actor) = 0;
};

}  // namespace ccp::exports
