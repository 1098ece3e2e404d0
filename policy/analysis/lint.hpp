// Reads policies without running them. An error is a mistake for certain: a pack with one is not activated.
// Thread-safe, pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/analysis/finding.hpp"
#include "policy/pack/documents.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::policy {

/// One file; with the point's schemas, chains like input.subject.plna and the tables that decide() returns are
/// held against them. `docs/policy-guide/lint.md` lists the codes.
std::vector<Finding> lintFile(std::string_view path, std::string_view source, const Schema* input = nullptr,
                              const Schema* result = nullptr);
/// Every file of a pack with the schemas of the points that it is entered at, and the manifest.
std::vector<Finding> lint(const PackDocument& pack);

/// A field of the input that a policy names, and the constants that it compares it with.
struct ReadField {
  std::vector<std::string> path;  ///< "*" for an item
  std::vector<Json> compared;
};
/// Each field once, in the order of the source; nothing when the source does not parse.
std::vector<ReadField> readFields(std::string_view source);

}  // namespace ccp::policy
