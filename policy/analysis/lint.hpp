// Reads policies without running them. Thread-safe, pure.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "policy/analysis/finding.hpp"
#include "policy/pack/documents.hpp"
#include "policy/schema/schema.hpp"

namespace ccp::policy {

/// One file; with the point's input schema, chains like input.subject.plna are held against it.
std::vector<Finding> lintFile(std::string_view path, std::string_view source, const Schema* input = nullptr);
/// Every file of a pack with the schemas of the points that it is entered at, and the manifest.
std::vector<Finding> lint(const PackDocument& pack);

}  // namespace ccp::policy
