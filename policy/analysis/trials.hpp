// A pack under load: inputs made from the schema, of which none may be a fault, and how long decisions take.
// Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "policy/engine/engine.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::policy {

struct FuzzFault {
  Point point = Point::feature_gate;
  std::string message;
  Json input;  ///< the smallest that was found for this message
};
struct FuzzReport {
  std::int64_t samples = 0, faults = 0;
  std::vector<FuzzFault> examples;  ///< one per message, at most ten
};
/// `samples` per point, the same ones for the same seed.
Result<FuzzReport> fuzzPack(Engine& engine, const PackDocument& pack, int samples, std::uint64_t seed,
                            const std::function<void(std::int64_t)>& progress = {});

struct PointBench {
  Point point = Point::feature_gate;
  std::int64_t decisions = 0;
  std::int64_t p50_ns = 0, p99_ns = 0, mean_ns = 0;
};
/// Each point for this long, over the inputs of its tests (or the example), JSON text to checked answer.
Result<std::vector<PointBench>> benchPack(Engine& engine, const PackDocument& pack, Duration each);

}  // namespace ccp::policy
