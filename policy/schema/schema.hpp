// A JSON Schema (the documented subset of docs/policy-guide/schemas.md) as CCP uses it on policies: checks
// values, knows which fields exist (lint, editor stubs), makes samples (fuzz) and finite domains (matrix).
// Immutable; thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/random.hpp"
#include "policy/decision/point.hpp"

namespace ccp::policy {

class Schema {
 public:
  /// type (one or a list), properties, required, additionalProperties, items, enum, const, minimum, maximum,
  /// minLength, maxLength, minItems, maxItems; title, description, examples (which must fit), $schema. Any
  /// other keyword: `policy_document_invalid` with its pointer. Lengths count code points.
  static Result<Schema> compile(const Json& text);
  /// Every rule that `value` breaks, by JSON pointer; empty: it fits.
  std::vector<FieldError> check(const Json& value) const;
  /// A random value that fits: examples, bounds and odd text among them.
  Json sample(Random& random) const;
  /// A plain value that fits: the first example, the first of an enum, else as little as possible; every
  /// member that is known. What stands for the fields that nobody asks about.
  Json example() const;
  /// The schema below a path of member names ("subject", "plan"; "*" for items); nothing: no such field.
  std::optional<Schema> below(const std::vector<std::string>& path) const;
  /// Whether every value that fits has this member.
  bool alwaysHas(std::string_view member) const noexcept;
  /// Whether the members are all known: others do not fit.
  bool isClosed() const noexcept;
  /// Every value, when they are finite (enum, const, boolean); empty otherwise.
  std::vector<Json> domain() const;
  /// What the schema says about the value, for people; may be empty.
  std::string description() const;
  /// "string", "integer", "string|null", … as JSON Schema names types; empty: any.
  std::string type() const;
  /// Names of the members that the schema knows, in order.
  std::vector<std::string> members() const;
  const Json& text() const noexcept;

 private:
  struct Node;
  struct Compiler;
  struct Checker;
  struct Sampler;
  explicit Schema(std::shared_ptr<const Node> node);
  std::shared_ptr<const Node> node_;
};

/// policy/schema/points/<point>.in.json and .out.json, embedded.
const Schema& inputSchema(Point point);
const Schema& resultSchema(Point point);
/// LuaLS annotations of the inputs, results and library: what an editor needs to help (`---@meta`).
std::string luaStubs();

}  // namespace ccp::policy
