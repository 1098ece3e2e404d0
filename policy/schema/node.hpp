// What a schema is made of, inside this room.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/schema/schema.hpp"

namespace ccp::policy {

struct Schema::Node {
  enum Type : unsigned {
    null = 1,
    boolean = 2,
    integer = 4,
    number = 8,
    string = 16,
    array = 32,
    object = 64,
    any = 127
  };
  using Ptr = std::shared_ptr<const Node>;

  Json text;
  unsigned types = any;
  std::vector<std::pair<std::string, Ptr>> properties;
  std::vector<std::string> required;
  bool closed = false;  ///< additionalProperties: false
  Ptr additional;       ///< additionalProperties: a schema
  Ptr items;
  std::vector<Json> values;  ///< enum, or the one of const; empty: any
  std::optional<double> minimum, maximum;
  std::int64_t min_length = 0, max_length = -1, min_items = 0, max_items = -1;  ///< -1: no bound

  const Ptr* property(std::string_view name) const noexcept {
    for (const auto& [key, node] : properties) {
      if (key == name) return &node;
    }
    return nullptr;
  }
  bool needs(std::string_view name) const noexcept {
    for (const auto& key : required) {
      if (key == name) return true;
    }
    return false;
  }
  bool only(Type type) const noexcept { return types == static_cast<unsigned>(type); }
  bool is(Type type) const noexcept { return (types & static_cast<unsigned>(type)) != 0; }
};

}  // namespace ccp::policy
