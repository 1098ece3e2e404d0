// JSON Schema validation of values (valijson behind schema_validator.cpp): config, plugin config,
// API bodies.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace ccp::config {

/// A compiled schema (draft 7 subset that valijson knows). Immutable, thread-safe.
class Schema {
 public:
  static Result<Schema> compile(const Json& schema);
  /// `validation_failed` with a FieldError per finding, pointers into `value`.
  Status validate(const Json& value) const;
  /// `value` with the schema's "default"s filled in, recursively through "properties".
  Json withDefaults(const Json& value) const;

 private:
  struct Impl;
  explicit Schema(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

}  // namespace ccp::config
