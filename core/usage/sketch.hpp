// A DDSketch with a logarithmic mapping and relative accuracy 0.01 (product.md, Usage): how times to
// first token travel and are merged. Percentiles are never averaged. Pure values.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace ccp::usage {

class Sketch {
 public:
  static constexpr double kAlpha = 0.01;
  static constexpr std::size_t kMaxBuckets = 512;  ///< on the wire; merging may make more
  /// Indexes that stand for a representable number of milliseconds.
  static constexpr std::int64_t kMinIndex = -2000;
  static constexpr std::int64_t kMaxIndex = 2000;
  static constexpr std::int64_t kMaxCount = std::int64_t{1} << 53;

  /// {"alpha":0.01,"zero":n,"offset":i,"counts":[…]}; `validation_failed` names the field and the rule.
  /// Members p50_ms, p90_ms and p99_ms may stand beside them and are ignored: they follow from the rest.
  static Result<Sketch> parse(const Json& json);
  /// Canonical: no empty buckets at either end, offset 0 without buckets.
  Json json() const;

  void add(double value_ms);
  void merge(const Sketch& other);
  /// Value at q in [0, 1], within 1 % of the true one; nothing when the sketch is empty.
  std::optional<double> quantile(double q) const;
  std::int64_t count() const noexcept;
  bool empty() const noexcept { return count() == 0; }

 private:
  void addAt(std::int64_t index, std::int64_t n);

  std::int64_t zero_ = 0;
  std::int64_t offset_ = 0;
  std::vector<std::int64_t> counts_;
};

}  // namespace ccp::usage
