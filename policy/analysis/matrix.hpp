// What a policy answers for every combination of the fields that it reads: roles, states, booleans at all their
// values. Not a proof: fields with endless values stand at the constants that the policy compares them with and
// beside them, or at the values of the pack's tests, the others at the schema's example. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/engine/engine.hpp"
#include "policy/pack/documents.hpp"

namespace ccp::policy {

/// Where the values of a field come from.
enum class MatrixValues : std::uint8_t { all, presence, constants, tests };
struct MatrixField {
  std::vector<std::string> path;
  std::vector<std::optional<Json>> values;  ///< nothing: the field is absent
  MatrixValues source = MatrixValues::all;
  std::string name() const;                 ///< "org.plan"
  static std::string valueText(const std::optional<Json>& value);
};

struct MatrixPlan {
  Point point = Point::feature_gate;
  Json base;                        ///< the input that combinations change
  std::vector<MatrixField> fields;
  std::vector<std::string> held;    ///< read, but left at their example
  /// Saturates.
  std::uint64_t combinations() const noexcept;
  /// The input of a combination.
  Json input(std::uint64_t index) const;
  /// Which value each field has in it.
  std::vector<std::size_t> choice(std::uint64_t index) const;
};

/// Up to so many combinations, values of the tests take part.
inline constexpr std::uint64_t kTestCombinations = 10'000;

/// Fields that the packs read at this point. `fixed` ("org.plan" → value) leaves one value;
/// `validation_failed` when no pack answers here or a fixed field is not read or cannot be so.
Result<MatrixPlan> planMatrix(const std::vector<const PackDocument*>& packs, Point point, const std::map<std::string, Json>& fixed = {});

/// One answer, as far as tables tell it apart.
struct MatrixAnswer {
  bool allow = false;
  std::string rule, lane, effect;
  std::string fault;  ///< "timeout: …"; empty: none
  bool operator==(const MatrixAnswer&) const = default;
  auto operator<=>(const MatrixAnswer&) const = default;
};
struct Matrix {
  MatrixPlan plan;
  std::vector<std::vector<MatrixAnswer>> outcomes;  ///< distinct ones; one answer per pack
  std::vector<std::uint32_t> cells;                 ///< by combination: which outcome
};
/// Runs every combination; `progress` is told how many are done.
Result<Matrix> runMatrix(Engine& engine, const std::vector<const PackDocument*>& packs, MatrixPlan plan,
                         const std::function<void(std::uint64_t)>& progress = {});

/// Combinations with the same outcome, as few lines as a greedy cut finds.
struct MatrixRow {
  std::vector<std::vector<std::size_t>> values;  ///< per field: which of its values; empty: any
  std::uint32_t outcome = 0;                     ///< index in Matrix::outcomes
  std::uint64_t count = 0;
};
std::vector<MatrixRow> summarize(const Matrix& matrix);

}  // namespace ccp::policy
